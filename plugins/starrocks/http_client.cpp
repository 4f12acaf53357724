#include "plugins/starrocks/http_client.hpp"

#include <curl/curl.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <optional>

#include "plugins/starrocks/errors.hpp"
#include "plugins/starrocks/silent_peer.hpp"

namespace leat::starrocks {

namespace {

constexpr int most_hops = 5;

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

struct exchange {
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
  auto& e = *static_cast<exchange*>(data);
  const auto part = std::min(size * count, e.body.size() - e.sent);
  std::memcpy(to, e.body.data() + e.sent, part);
  e.sent += part;
  return part;
}

int seek_body(void* data, curl_off_t offset, int origin) {
  if (origin != SEEK_SET) return CURL_SEEKFUNC_CANTSEEK;
  static_cast<exchange*>(data)->sent = static_cast<std::size_t>(offset);
  return CURL_SEEKFUNC_OK;
}

std::size_t take_reply(char* from, std::size_t size, std::size_t count, void* data) {
  static_cast<exchange*>(data)->received.append(from, size * count);
  return size * count;
}

std::size_t take_header(char* from, std::size_t size, std::size_t count, void* data) {
  std::string_view line(from, size * count);
  auto& e = *static_cast<exchange*>(data);
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
  const auto& e = *static_cast<exchange*>(data);
  const bool late = e.silent && std::chrono::steady_clock::now() > e.first_word_by;
  return *e.cancelled || late ? 1 : 0;
}

struct address {
  std::string base;   ///< scheme://host:port
  std::string target; ///< path and query
};

std::optional<address> parse_url(const std::string& url) {
  for (const std::string_view scheme : {"http://", "https://"}) {
    if (!url.starts_with(scheme)) continue;
    const auto slash = url.find('/', scheme.size());
    auto host = url.substr(scheme.size(), slash == url.npos ? url.npos : slash - scheme.size());
    // Names and passwords in a redirect are not ours.
    if (const auto at = host.rfind('@'); at != host.npos) host.erase(0, at + 1);
    if (host.empty()) return std::nullopt;
    return address{std::string(scheme) + host, slash == url.npos ? "/" : url.substr(slash)};
  }
  return std::nullopt;
}

std::string base_of(const std::string& configured) {
  auto url = configured.find("://") == configured.npos ? "http://" + configured : configured;
  if (url.ends_with('/')) url.pop_back();
  return url;
}

/// Another FE may be asked instead.
class passed_over final : public leat::error {
  using error::error;
};

void start_curl() {
  static const CURLcode started = curl_global_init(CURL_GLOBAL_DEFAULT);
  if (started != CURLE_OK) refuse("libcurl cannot start", "libcurl", "report this");
}

} // namespace

struct http_client::hop {
  CURLcode code = CURLE_OK;
  long status = 0;
  std::string body;
  std::string location;
  std::string problem;
  bool connected = false;
  bool headers_ended = false;
};

struct http_client::kept_connection {
  curl_handle handle;
};

http_client::http_client(http_settings settings) : settings_(std::move(settings)) {
  start_curl();
  for (const auto& each : settings_.frontends) frontends_.push_back(base_of(each));
  kept_ = std::make_unique<kept_connection>();
}

http_client::~http_client() = default;

std::string http_client::mapped(const std::string& base) const {
  const auto host = base.substr(base.find("://") + 3);
  const auto found = settings_.be_address.find(host);
  if (found == settings_.be_address.end()) return base;
  return base.substr(0, base.find("://") + 3) + found->second;
}

http_client::hop http_client::perform(const std::string& base, const http_request& request,
                                      bool with_credentials) {
  const bool keep = request.method == "GET" && with_credentials;
  std::unique_lock kept(kept_guard_, std::defer_lock);
  std::optional<curl_handle> fresh;
  if (keep)
    kept.lock();
  else
    fresh.emplace();
  exchange e;
  e.body = request.body;
  e.cancelled = &cancelled_;
  e.first_word_by = std::chrono::steady_clock::now() + settings_.continue_timeout;
  header_list headers;
  for (const auto& [name, value] : request.headers) headers.add(name + ": " + value);
  const bool upload = request.method == "PUT";
  // An empty value keeps libcurl from adding it by itself.
  headers.add(upload ? "Expect: 100-continue" : "Expect:");
  const auto timeout = static_cast<long>(request.timeout.count());
  const auto url = base + request.target;
  auto* h = keep ? kept_->handle.raw : fresh->raw;
  curl_easy_reset(h);
  curl_easy_setopt(h, CURLOPT_URL, url.c_str());
  curl_easy_setopt(h, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(h, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(h, CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
  curl_easy_setopt(h, CURLOPT_FOLLOWLOCATION, 0L);
  curl_easy_setopt(h, CURLOPT_FRESH_CONNECT, keep ? 0L : 1L);
  curl_easy_setopt(h, CURLOPT_FORBID_REUSE, keep ? 0L : 1L);
  curl_easy_setopt(h, CURLOPT_PROXY, "");
  curl_easy_setopt(h, CURLOPT_CONNECTTIMEOUT_MS,
                   static_cast<long>(settings_.connect_timeout.count()));
  curl_easy_setopt(h, CURLOPT_SOCKOPTFUNCTION, prepare_socket);
  curl_easy_setopt(h, CURLOPT_TIMEOUT_MS, timeout);
  curl_easy_setopt(h, CURLOPT_EXPECT_100_TIMEOUT_MS, timeout);
  curl_easy_setopt(h, CURLOPT_SSL_VERIFYPEER, settings_.tls_verify ? 1L : 0L);
  curl_easy_setopt(h, CURLOPT_SSL_VERIFYHOST, settings_.tls_verify ? 2L : 0L);
  if (!settings_.ca_file.empty()) curl_easy_setopt(h, CURLOPT_CAINFO, settings_.ca_file.c_str());
  if (with_credentials) {
    curl_easy_setopt(h, CURLOPT_HTTPAUTH, static_cast<long>(CURLAUTH_BASIC));
    curl_easy_setopt(h, CURLOPT_USERNAME, settings_.user.c_str());
    curl_easy_setopt(h, CURLOPT_PASSWORD, settings_.password.c_str());
  }
  curl_easy_setopt(h, CURLOPT_HTTPHEADER, headers.raw);
  curl_easy_setopt(h, CURLOPT_WRITEFUNCTION, take_reply);
  curl_easy_setopt(h, CURLOPT_WRITEDATA, &e);
  curl_easy_setopt(h, CURLOPT_HEADERFUNCTION, take_header);
  curl_easy_setopt(h, CURLOPT_HEADERDATA, &e);
  curl_easy_setopt(h, CURLOPT_NOPROGRESS, 0L);
  curl_easy_setopt(h, CURLOPT_XFERINFOFUNCTION, watch);
  curl_easy_setopt(h, CURLOPT_XFERINFODATA, &e);
  if (upload) {
    curl_easy_setopt(h, CURLOPT_UPLOAD, 1L);
    curl_easy_setopt(h, CURLOPT_READFUNCTION, read_body);
    curl_easy_setopt(h, CURLOPT_READDATA, &e);
    curl_easy_setopt(h, CURLOPT_SEEKFUNCTION, seek_body);
    curl_easy_setopt(h, CURLOPT_SEEKDATA, &e);
    curl_easy_setopt(h, CURLOPT_INFILESIZE_LARGE, static_cast<curl_off_t>(e.body.size()));
    curl_easy_setopt(h, CURLOPT_UPLOAD_BUFFERSIZE, 512L << 10);
  } else if (request.method == "POST") {
    curl_easy_setopt(h, CURLOPT_POST, 1L);
    curl_easy_setopt(h, CURLOPT_POSTFIELDS, "");
    curl_easy_setopt(h, CURLOPT_POSTFIELDSIZE, 0L);
  }
  hop made;
  made.code = curl_easy_perform(h);
  curl_easy_getinfo(h, CURLINFO_RESPONSE_CODE, &made.status);
  curl_off_t connect_time = 0;
  curl_easy_getinfo(h, CURLINFO_CONNECT_TIME_T, &connect_time);
  long connections = 0;
  curl_easy_getinfo(h, CURLINFO_NUM_CONNECTS, &connections);
  made.connected = connect_time > 0 || (connections == 0 && made.status != 0);
  made.problem = made.code == CURLE_ABORTED_BY_CALLBACK || made.code == CURLE_OPERATION_TIMEDOUT
                     ? "no answer in time"
                     : curl_easy_strerror(made.code);
  made.body = std::move(e.received);
  made.location = std::move(e.location);
  made.headers_ended = e.headers_ended;
  return made;
}

bool http_client::is_frontend(const std::string& base) {
  const std::scoped_lock lock(guard_);
  return std::find(frontends_.begin(), frontends_.end(), base) != frontends_.end()
         || std::find(leaders_.begin(), leaders_.end(), base) != leaders_.end();
}

bool http_client::trusts(const std::string& base) {
  const std::scoped_lock lock(guard_);
  return std::find(trusted_.begin(), trusted_.end(), base) != trusted_.end();
}

void http_client::trust(const std::string& base, bool frontend) {
  const std::scoped_lock lock(guard_);
  const auto add = [&base](std::vector<std::string>& to) {
    if (std::find(to.begin(), to.end(), base) == to.end()) to.push_back(base);
  };
  add(trusted_);
  if (frontend) add(leaders_);
}

http_reply http_client::send(const http_request& request) {
  std::string problems;
  auto at = current_.load();
  for (std::size_t tried = 0; tried < frontends_.size(); ++tried) {
    const auto& frontend = frontends_[at];
    at = (at + 1) % frontends_.size();
    try {
      return send_to(frontend, request);
    } catch (const passed_over& e) {
      problems += (problems.empty() ? "" : "; ") + e.brief();
      current_ = at;
    }
  }
  retry_later("no FE can be reached: " + problems, frontends_.front(),
              "see that the FEs run and that `http` names them");
}

std::chrono::milliseconds http_client::timeout_at(bool frontend,
                                                  const http_request& request) const {
  const bool soon = request.by == http_request::served_by::backend || request.method == "GET";
  return frontend && soon ? std::min(request.timeout, settings_.redirect_timeout) : request.timeout;
}

/// `first`: the server is the configured FE that was chosen.
void http_client::fail(const hop& step, const std::string& base, bool first,
                       const http_request& request) {
  const bool tls =
      step.code == CURLE_PEER_FAILED_VERIFICATION || step.code == CURLE_SSL_CACERT_BADFILE;
  if (tls)
    refuse("the certificate of the server cannot be trusted: " + step.problem, base,
           "give the authority's certificate with `ca_file`");
  if (step.code == CURLE_UNSUPPORTED_PROTOCOL || step.code == CURLE_WEIRD_SERVER_REPLY)
    retry_later("what answers does not speak HTTP", base, see_http_ports);
  if (step.code == CURLE_SSL_CONNECT_ERROR)
    retry_later("what answers does not speak TLS: " + step.problem, base,
                "see whether `http` should say http:// or name another port");
  const auto what = (step.connected ? "the connection broke: "
                     : first        ? "cannot connect: "
                                    : "cannot reach the BE: ")
                    + step.problem;
  // What was sent may have been done, but for a question.
  if (first && (!step.connected || request.method == "GET"))
    throw passed_over(error_kind::sink, what, base, "", error_retry::transient);
  if (first) {
    const auto at = std::find(frontends_.begin(), frontends_.end(), base) - frontends_.begin();
    current_ = (static_cast<std::size_t>(at) + 1) % frontends_.size();
  }
  retry_later(what, base, first ? "" : "when only the cluster knows this address, set be_address");
}

/// Where a redirect leads; `target` becomes its path.
std::string http_client::followed(const hop& step, const std::string& base,
                                  const http_request& request, bool by_frontend,
                                  std::string& target) {
  const auto next = parse_url(step.location);
  if (!next) refuse("the server redirects to nowhere", base, "report this");
  if (base.starts_with("https://") && next->base.starts_with("http://") && settings_.tls_verify)
    refuse("the server redirects to an address without TLS: " + next->base, base,
           "give the BEs certificates as well (enable_https), or set tls_verify = false");
  const auto to = mapped(next->base);
  if (by_frontend)
    trust(to, request.by == http_request::served_by::frontend);
  else if (!trusts(to) && !is_frontend(to))
    retry_later(base + " redirects to " + to + ", which no FE has named", base,
                "see what runs there; when it is an FE, name it in `http`");
  target = next->target;
  return to;
}

http_reply http_client::send_to(const std::string& frontend, const http_request& request) {
  auto base = frontend;
  auto here = request;
  for (int hops = 0; hops < most_hops; ++hops) {
    const bool by_frontend = hops == 0 || is_frontend(base);
    here.timeout = timeout_at(by_frontend, request);
    const auto step = perform(base, here, true);
    if (cancelled_) retry_later("the request was cancelled", base);
    // An FE closes behind its redirect, whatever of the body it has not read.
    const bool redirects = step.status == 307 && step.headers_ended;
    if (step.code != CURLE_OK && !redirects) fail(step, base, hops == 0, request);
    if (!step.headers_ended) retry_later("the answer broke off", base);
    if (step.status == 401)
      refuse("the server refuses the user or the password", base,
             "see `user` and `password` of the sink");
    if (step.status != 307) return {step.status, step.body, base};
    base = followed(step, base, request, by_frontend, here.target);
  }
  retry_later("the servers redirect in a circle", frontend);
}

std::string http_client::fetch(const std::string& url) {
  const auto where = parse_url(url);
  if (!where) return {};
  const auto base = mapped(where->base);
  if (!trusts(base)) return {};
  http_request request;
  request.method = "GET";
  request.target = where->target;
  request.timeout = std::chrono::milliseconds{10'000};
  const auto step = perform(base, request, false);
  return step.code == CURLE_OK && step.status == 200 ? step.body : std::string{};
}

} // namespace leat::starrocks
