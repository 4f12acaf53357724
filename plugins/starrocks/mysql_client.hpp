#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "plugins/starrocks/timeouts.hpp"

struct st_mysql;

namespace leat::starrocks {

struct mysql_settings {
  std::vector<std::string> servers; ///< HOST:PORT; tried in turn
  std::string user;
  std::string password;
  bool tls = false; ///< the port must speak it
  bool tls_verify = true;
  std::string ca_file = {};                                 ///< empty: the system's authorities
  std::chrono::seconds connect_timeout = timeouts::connect; ///< with the login
};

/// Rows of a statement, as text; nothing: NULL.
struct sql_rows {
  std::vector<std::string> names;
  std::vector<std::vector<std::optional<std::string>>> rows;
  bool cut = false; ///< there were more (mysql_client::query_some)

  bool empty() const { return rows.empty(); }
  /// Index of a column, whatever the case of its name. Throws when there is none.
  std::size_t column(std::string_view name) const;
  std::string text(std::size_t row, std::string_view name) const;
};

/// What the server refused: its code beside the error.
struct sql_failure {
  unsigned code = 0;
  std::string message;
};

/// A session at the MySQL port of an FE, in the text protocol alone. Connects at its first
/// statement, and again after a lost connection. One thread at a time; cancel() from any.
class mysql_client {
 public:
  explicit mysql_client(mysql_settings);
  ~mysql_client();
  mysql_client(const mysql_client&) = delete;
  mysql_client& operator=(const mysql_client&) = delete;

  /// Throws leat::error: transient when the connection is lost.
  sql_rows query(const std::string& sql, const std::string& where = {});
  /// The same. Rows beyond `max_bytes` of texts are thrown away, and the answer says so.
  sql_rows query_some(const std::string& sql, std::size_t max_bytes, const std::string& where = {});
  /// The same; a refusal with one of the codes is told instead of thrown.
  std::optional<sql_failure> try_query(const std::string& sql, const std::vector<unsigned>& codes,
                                       const std::string& where = {});
  /// The same, whatever the refusal.
  std::optional<sql_failure> attempt(const std::string& sql, const std::string& where = {});

  /// Told of each statement that the server refuses.
  void on_refusal(std::function<void(const std::string& message)> told) {
    refused_ = std::move(told);
  }

  /// A literal of a text.
  static std::string quote(std::string_view text);

  void cancel() noexcept;

 private:
  void connect();
  void connect_to(const std::string& server);
  void close();
  std::optional<sql_failure> run(const std::string& sql, const std::string& where, sql_rows&,
                                 std::size_t max_bytes = SIZE_MAX);
  [[noreturn]] void refuse_statement(const sql_failure&, const std::string& where) const;

  mysql_settings settings_;
  std::function<void(const std::string&)> refused_;
  std::size_t current_ = 0;
  std::mutex guard_; ///< of the handle, for cancel()
  st_mysql* handle_ = nullptr;
  bool cancelled_ = false;
};

} // namespace leat::starrocks
