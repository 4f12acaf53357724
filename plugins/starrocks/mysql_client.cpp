#include "plugins/starrocks/mysql_client.hpp"

#include <errmsg.h>
#include <mysql.h>
#include <sys/socket.h>

#include <algorithm>
#include <memory>
#include <numeric>

#include "plugins/starrocks/errors.hpp"
#include "plugins/starrocks/silent_peer.hpp"

namespace leat::starrocks {

namespace {

/// DDL and the read of a large table's keys take their time.
constexpr auto answer_seconds =
    static_cast<unsigned>(std::chrono::seconds(timeouts::statement).count());
constexpr unsigned wrong_password = 1045;

bool same_name(std::string_view a, std::string_view b) {
  const auto low = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; };
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [&](char x, char y) { return low(x) == low(y); });
}

bool lost(unsigned code) {
  return code == CR_SERVER_GONE_ERROR || code == CR_SERVER_LOST || code == CR_CONN_HOST_ERROR
         || code == CR_CONNECTION_ERROR || code == CR_UNKNOWN_HOST || code == CR_IPSOCK_ERROR
         || code == CR_SSL_CONNECTION_ERROR || code == CR_MALFORMED_PACKET
         || code == CR_COMMANDS_OUT_OF_SYNC;
}

/// False: the server, or the connection, has failed.
bool take_rows(MYSQL* handle, sql_rows& out, std::size_t max_bytes) {
  const std::unique_ptr<MYSQL_RES, decltype(&mysql_free_result)> result(mysql_use_result(handle),
                                                                        mysql_free_result);
  if (!result) return mysql_field_count(handle) == 0;
  const auto width = mysql_num_fields(result.get());
  const auto* fields = mysql_fetch_fields(result.get());
  for (unsigned i = 0; i < width; ++i) out.names.emplace_back(fields[i].name);
  std::size_t bytes = 0;
  while (auto* row = mysql_fetch_row(result.get())) {
    const auto* lengths = mysql_fetch_lengths(result.get());
    bytes += std::accumulate(lengths, lengths + width, std::size_t{0});
    out.cut = out.cut || bytes > max_bytes;
    if (out.cut) continue;
    auto& to = out.rows.emplace_back();
    for (unsigned i = 0; i < width; ++i)
      to.push_back(row[i] == nullptr ? std::nullopt
                                     : std::optional(std::string(row[i], lengths[i])));
  }
  return mysql_errno(handle) == 0;
}

} // namespace

std::size_t sql_rows::column(std::string_view name) const {
  for (std::size_t i = 0; i < names.size(); ++i)
    if (same_name(names[i], name)) return i;
  refuse("the server's answer has no column " + std::string(name), "MySQL port", "report this");
}

std::string sql_rows::text(std::size_t row, std::string_view name) const {
  return rows.at(row).at(column(name)).value_or("");
}

mysql_client::mysql_client(mysql_settings settings) : settings_(std::move(settings)) {
  static const int started = mysql_library_init(0, nullptr, nullptr);
  if (started != 0) refuse("libmariadb cannot start", "libmariadb", "report this");
}

mysql_client::~mysql_client() { close(); }

void mysql_client::close() {
  const std::lock_guard lock(guard_);
  if (handle_ != nullptr) mysql_close(handle_);
  handle_ = nullptr;
}

void mysql_client::cancel() noexcept {
  const std::lock_guard lock(guard_);
  cancelled_ = true;
  if (handle_ == nullptr) return;
  const auto socket = mysql_get_socket(handle_);
  if (socket != MARIADB_INVALID_SOCKET) ::shutdown(socket, SHUT_RDWR);
}

void mysql_client::connect_to(const std::string& server) {
  const auto colon = server.rfind(':');
  auto host = server.substr(0, colon);
  const auto port = static_cast<unsigned>(std::stoul(server.substr(colon + 1)));
  auto* h = mysql_init(nullptr);
  auto seconds = static_cast<unsigned>(settings_.connect_timeout.count());
  mysql_options(h, MYSQL_OPT_CONNECT_TIMEOUT, &seconds);
  seconds = answer_seconds;
  mysql_options(h, MYSQL_OPT_READ_TIMEOUT, &seconds);
  mysql_options(h, MYSQL_OPT_WRITE_TIMEOUT, &seconds);
  mysql_options(h, MYSQL_SET_CHARSET_NAME, "utf8mb4");
  // A name without a dot or "localhost" would mean the Unix socket.
  const unsigned tcp = MYSQL_PROTOCOL_TCP;
  mysql_options(h, MYSQL_OPT_PROTOCOL, &tcp);
  const my_bool no_files = 0;
  mysql_options(h, MYSQL_OPT_LOCAL_INFILE, &no_files);
  const my_bool tls = settings_.tls ? 1 : 0;
  const my_bool verify = settings_.tls && settings_.tls_verify ? 1 : 0;
  mysql_options(h, MYSQL_OPT_SSL_ENFORCE, &tls);
  mysql_options(h, MYSQL_OPT_SSL_VERIFY_SERVER_CERT, &verify);
  if (settings_.tls && !settings_.ca_file.empty())
    mysql_options(h, MYSQL_OPT_SSL_CA, settings_.ca_file.c_str());
  const bool good = mysql_real_connect(h, host.c_str(), settings_.user.c_str(),
                                       settings_.password.c_str(), nullptr, port, nullptr, 0)
                    != nullptr;
  if (!good) {
    const unsigned code = mysql_errno(h);
    const std::string message = mysql_error(h);
    mysql_close(h);
    if (code == wrong_password)
      refuse("the server refuses the user or the password", server,
             "see `user` and `password` of the sink");
    if (code == CR_SSL_CONNECTION_ERROR && settings_.tls)
      refuse("the MySQL port cannot be spoken to over TLS: " + message, server,
             "give the authority's certificate with `ca_file`, see that the FE has a certificate "
             "for this "
             "name, or set mysql_tls = false");
    retry_later("cannot connect: " + message, server, "see that the FE runs");
  }
  notice_silent_peer(mysql_get_socket(h));
  const std::lock_guard lock(guard_);
  handle_ = h;
  if (cancelled_) retry_later("the statement was cancelled", server);
}

void mysql_client::connect() {
  std::string problems;
  for (std::size_t tried = 0; tried < settings_.servers.size(); ++tried) {
    try {
      return connect_to(settings_.servers[current_]);
    } catch (const leat::error& e) {
      if (!e.transient()) throw;
      problems += (problems.empty() ? "" : "; ") + e.brief();
      current_ = (current_ + 1) % settings_.servers.size();
    }
  }
  retry_later("no FE can be reached: " + problems, settings_.servers.front(),
              "see that the FEs run and that `mysql` names them");
}

std::optional<sql_failure> mysql_client::run(const std::string& sql, const std::string& where,
                                             sql_rows& out, std::size_t max_bytes) {
  {
    const std::lock_guard lock(guard_);
    if (cancelled_) retry_later("the statement was cancelled", where);
  }
  if (handle_ == nullptr) connect();
  const auto failed = [&]() -> sql_failure {
    const sql_failure f{mysql_errno(handle_), mysql_error(handle_)};
    if (!lost(f.code)) return f;
    close();
    retry_later("the connection to the FE broke: " + f.message, where);
  };
  if (mysql_real_query(handle_, sql.data(), sql.size()) != 0) return failed();
  if (!take_rows(handle_, out, max_bytes)) return failed();
  return std::nullopt;
}

void mysql_client::refuse_statement(const sql_failure& failed, const std::string& where) const {
  if (refused_) refused_(failed.message);
  throw server_error("StarRocks refuses a statement", failed.message, where);
}

sql_rows mysql_client::query(const std::string& sql, const std::string& where) {
  return query_some(sql, SIZE_MAX, where);
}

sql_rows mysql_client::query_some(const std::string& sql, std::size_t max_bytes,
                                  const std::string& where) {
  sql_rows out;
  if (const auto failed = run(sql, where, out, max_bytes)) refuse_statement(*failed, where);
  return out;
}

std::optional<sql_failure> mysql_client::try_query(const std::string& sql,
                                                   const std::vector<unsigned>& codes,
                                                   const std::string& where) {
  sql_rows out;
  const auto failed = run(sql, where, out);
  if (failed && std::find(codes.begin(), codes.end(), failed->code) == codes.end())
    refuse_statement(*failed, where);
  return failed;
}

std::optional<sql_failure> mysql_client::attempt(const std::string& sql, const std::string& where) {
  sql_rows out;
  return run(sql, where, out);
}

std::string mysql_client::quote(std::string_view text) {
  std::string literal = "'";
  for (const char c : text) {
    if (c == '\'' || c == '\\') literal += '\\';
    if (c == '\0')
      literal += "\\0";
    else
      literal += c;
  }
  return literal + "'";
}

} // namespace leat::starrocks
