#include "plugins/starrocks/http_exchange.hpp"

#include <curl/curl.h>

#include <algorithm>
#include <cstring>
#include <optional>

#include "plugins/starrocks/errors.hpp"
#include "plugins/starrocks/silent_peer.hpp"

namespace leat::starrocks {

namespace {

struct curl_handle {
  CURL* raw = curl_easy_init();
  ~curl_handle() { curl_easy_cleanup(raw); }
};

struct header_list {
  curl_slist* raw = nullptr;
  ~header_list() { curl_slist_free_all(raw); }
  void add(const std::string& line) {
    if (line.find_first_of(std::string_view("\r\n\0", 3)) != line.npos)
      throw error(error_kind::bug, "a header with a line break", line.substr(0, line.find(':')),
                  "report this");
    raw = curl_slist_append(raw, line.c_str());
  }
};

struct conversation {
  std::string_view body;
  std::size_t sent = 0;
  std::string received;
  std::string location;
  bool headers_ended = false;
  bool silent = true; ///< the server has said nothing yet
  std::chrono::steady_clock::time_point first_word_by;
  const std::atomic<bool>* cancelled = nullptr;
};

int prepare_socket(void* /*client*/, curl_socket_t socket, curlsocktype /*purpose*/) {
  notice_silent_peer(socket);
  return CURL_SOCKOPT_OK;
}

std::size_t read_body(char* to, std::size_t size, std::size_t count, void* data) {
  auto& e = *static_cast<conversation*>(data);
  const auto part = std::min(size * count, e.body.size() - e.sent);
  std::memcpy(to, e.body.data() + e.sent, part);
  e.sent += part;
  return part;
}

int seek_body(void* data, curl_off_t offset, int origin) {
  if (origin != SEEK_SET) return CURL_SEEKFUNC_CANTSEEK;
  static_cast<conversation*>(data)->sent = static_cast<std::size_t>(offset);
  return CURL_SEEKFUNC_OK;
}

std::size_t take_reply(char* from, std::size_t size, std::size_t count, void* data) {
  static_cast<conversation*>(data)->received.append(from, size * count);
  return size * count;
}

std::size_t take_header(char* from, std::size_t size, std::size_t count, void* data) {
  std::string_view line(from, size * count);
  auto& e = *static_cast<conversation*>(data);
  e.silent = false;
  // 100 has headers of its own, ahead of the others.
  if (line.starts_with("HTTP/")) e.headers_ended = false;
  if (line == "\r\n" || line == "\n") e.headers_ended = true;
  constexpr std::string_view name = "location:";
  const bool location = line.size() > name.size()
                        && std::equal(name.begin(), name.end(), line.begin(), [](char a, char b) {
                             return a == (b >= 'A' && b <= 'Z' ? b + 32 : b);
                           });
  if (location) {
    line.remove_prefix(name.size());
    while (!line.empty() && (line.front() == ' ' || line.front() == '\t')) line.remove_prefix(1);
    while (!line.empty() && (line.back() == '\n' || line.back() == '\r' || line.back() == ' '))
      line.remove_suffix(1);
    e.location = line;
  }
  return size * count;
}

int watch(void* data, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
  const auto& e = *static_cast<conversation*>(data);
  const bool late = e.silent && std::chrono::steady_clock::now() > e.first_word_by;
  return *e.cancelled || late ? 1 : 0;
}

void start_curl() {
  static const CURLcode started = curl_global_init(CURL_GLOBAL_DEFAULT);
  if (started != CURLE_OK) refuse("libcurl cannot start", "libcurl", "report this");
}

void set_up_connection(CURL* h, const http_settings& settings, bool keep) {
  curl_easy_setopt(h, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(h, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(h, CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
  curl_easy_setopt(h, CURLOPT_FOLLOWLOCATION, 0L);
  curl_easy_setopt(h, CURLOPT_FRESH_CONNECT, keep ? 0L : 1L);
  curl_easy_setopt(h, CURLOPT_FORBID_REUSE, keep ? 0L : 1L);
  curl_easy_setopt(h, CURLOPT_PROXY, "");
  curl_easy_setopt(h, CURLOPT_CONNECTTIMEOUT_MS,
                   static_cast<long>(settings.connect_timeout.count()));
  curl_easy_setopt(h, CURLOPT_SOCKOPTFUNCTION, prepare_socket);
  curl_easy_setopt(h, CURLOPT_SSL_VERIFYPEER, settings.tls_verify ? 1L : 0L);
  curl_easy_setopt(h, CURLOPT_SSL_VERIFYHOST, settings.tls_verify ? 2L : 0L);
  if (!settings.ca_file.empty()) curl_easy_setopt(h, CURLOPT_CAINFO, settings.ca_file.c_str());
}

void give_credentials(CURL* h, const http_settings& settings) {
  curl_easy_setopt(h, CURLOPT_HTTPAUTH, static_cast<long>(CURLAUTH_BASIC));
  curl_easy_setopt(h, CURLOPT_USERNAME, settings.user.c_str());
  curl_easy_setopt(h, CURLOPT_PASSWORD, settings.password.c_str());
}

void take_answer(CURL* h, conversation& with) {
  curl_easy_setopt(h, CURLOPT_WRITEFUNCTION, take_reply);
  curl_easy_setopt(h, CURLOPT_WRITEDATA, &with);
  curl_easy_setopt(h, CURLOPT_HEADERFUNCTION, take_header);
  curl_easy_setopt(h, CURLOPT_HEADERDATA, &with);
  curl_easy_setopt(h, CURLOPT_NOPROGRESS, 0L);
  curl_easy_setopt(h, CURLOPT_XFERINFOFUNCTION, watch);
  curl_easy_setopt(h, CURLOPT_XFERINFODATA, &with);
}

void upload(CURL* h, conversation& with) {
  curl_easy_setopt(h, CURLOPT_UPLOAD, 1L);
  curl_easy_setopt(h, CURLOPT_READFUNCTION, read_body);
  curl_easy_setopt(h, CURLOPT_READDATA, &with);
  curl_easy_setopt(h, CURLOPT_SEEKFUNCTION, seek_body);
  curl_easy_setopt(h, CURLOPT_SEEKDATA, &with);
  curl_easy_setopt(h, CURLOPT_INFILESIZE_LARGE, static_cast<curl_off_t>(with.body.size()));
  curl_easy_setopt(h, CURLOPT_UPLOAD_BUFFERSIZE, 512L << 10);
}

void post_nothing(CURL* h) {
  curl_easy_setopt(h, CURLOPT_POST, 1L);
  curl_easy_setopt(h, CURLOPT_POSTFIELDS, "");
  curl_easy_setopt(h, CURLOPT_POSTFIELDSIZE, 0L);
}

http_step::fault fault_of(CURLcode code) {
  using fault = http_step::fault;
  switch (code) {
  case CURLE_OK:
    return fault::none;
  case CURLE_PEER_FAILED_VERIFICATION:
  case CURLE_SSL_CACERT_BADFILE:
    return fault::certificate;
  case CURLE_UNSUPPORTED_PROTOCOL:
  case CURLE_WEIRD_SERVER_REPLY:
    return fault::not_http;
  case CURLE_SSL_CONNECT_ERROR:
    return fault::not_tls;
  default:
    return fault::broken;
  }
}

std::string problem_of(CURLcode code) {
  const bool late = code == CURLE_ABORTED_BY_CALLBACK || code == CURLE_OPERATION_TIMEDOUT;
  return late ? "no answer in time" : curl_easy_strerror(code);
}

bool was_connected(CURL* h, long status) {
  curl_off_t connect_time = 0;
  curl_easy_getinfo(h, CURLINFO_CONNECT_TIME_T, &connect_time);
  long connections = 0;
  curl_easy_getinfo(h, CURLINFO_NUM_CONNECTS, &connections);
  return connect_time > 0 || (connections == 0 && status != 0);
}

} // namespace

struct http_exchange::kept_connection {
  curl_handle handle;
};

http_exchange::http_exchange(const http_settings& settings) : settings_(settings) {
  start_curl();
  kept_ = std::make_unique<kept_connection>();
}

http_exchange::~http_exchange() = default;

http_step http_exchange::perform(const std::string& base, const http_request& request,
                                 bool with_credentials) {
  const bool keep = request.method == "GET" && with_credentials;
  std::unique_lock kept(kept_guard_, std::defer_lock);
  std::optional<curl_handle> fresh;
  if (keep)
    kept.lock();
  else
    fresh.emplace();
  conversation with;
  with.body = request.body;
  with.cancelled = &cancelled_;
  with.first_word_by = std::chrono::steady_clock::now() + settings_.continue_timeout;
  const bool put = request.method == "PUT";
  header_list headers;
  for (const auto& [name, value] : request.headers) headers.add(name + ": " + value);
  // An empty value keeps libcurl from adding it by itself.
  headers.add(put ? "Expect: 100-continue" : "Expect:");
  const auto url = base + request.target;
  const auto timeout = static_cast<long>(request.timeout.count());

  auto* h = keep ? kept_->handle.raw : fresh->raw;
  curl_easy_reset(h);
  set_up_connection(h, settings_, keep);
  curl_easy_setopt(h, CURLOPT_URL, url.c_str());
  curl_easy_setopt(h, CURLOPT_HTTPHEADER, headers.raw);
  curl_easy_setopt(h, CURLOPT_TIMEOUT_MS, timeout);
  curl_easy_setopt(h, CURLOPT_EXPECT_100_TIMEOUT_MS, timeout);
  if (with_credentials) give_credentials(h, settings_);
  take_answer(h, with);
  if (put) upload(h, with);
  if (request.method == "POST") post_nothing(h);

  http_step made;
  const auto code = curl_easy_perform(h);
  made.failed = fault_of(code);
  made.problem = problem_of(code);
  curl_easy_getinfo(h, CURLINFO_RESPONSE_CODE, &made.status);
  made.connected = was_connected(h, made.status);
  made.body = std::move(with.received);
  made.location = std::move(with.location);
  made.headers_ended = with.headers_ended;
  return made;
}

} // namespace leat::starrocks
