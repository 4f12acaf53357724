#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "dataflow/error.hpp"

typedef struct pg_conn PGconn;
typedef struct pg_result PGresult;

namespace leat::postgres {

/// What a connection is for; it decides the pinned session settings (R8) and the
/// kind of error that failures become.
enum class connection_use : std::uint8_t { query, replication, target };

/// Keywords of libpq (host, port, user, dbname, sslmode ...).
/// "dbname" may hold an URI or a keyword string instead of a name.
using connection_parameters = std::map<std::string, std::string>;

/// What the user says of a keyword, by itself or within "dbname"; nothing when it is not there.
std::optional<std::string> given(const connection_parameters&, const std::string& keyword);

/// An error of the server or of the connection: the SQLSTATE decides whether it is transient.
/// `sqlstate` is empty when the connection was lost or never made.
class server_error : public leat::error {
 public:
  server_error(error_kind kind, std::string sqlstate, std::string what, std::string where,
               std::string remedy, error_retry retry);
  const std::string& sqlstate() const noexcept { return sqlstate_; }

 private:
  std::string sqlstate_;
};

/// Owns a PGresult of rows in text format.
class result {
 public:
  explicit result(PGresult*);
  int rows() const;
  int columns() const;
  bool is_null(int row, int column) const;
  /// Valid as long as the result; empty for NULL.
  std::string_view text(int row, int column) const;
  std::string string(int row, int column) const { return std::string(text(row, column)); }
  std::uint64_t number(int row, int column) const;
  bool boolean(int row, int column) const { return text(row, column) == "t"; }
  /// Rows that an INSERT, UPDATE, DELETE or COPY touched.
  std::uint64_t affected() const;
  PGresult* raw() const { return result_.get(); }

 private:
  struct deleter {
    void operator()(PGresult*) const;
  };
  std::unique_ptr<PGresult, deleter> result_;
};

/// One libpq connection with leat's session settings pinned. No statement of a query connection
/// waits for a lock for longer than 5 s (55P03, transient), unless it is told to. Not thread-safe,
/// but for cancel().
class connection {
 public:
  /// Connects, or throws server_error: transient when the server is not reachable or is starting or
  /// stopping, permanent for a wrong password, an unknown database or a missing right.
  connection(const connection_parameters&, connection_use);
  ~connection();
  connection(const connection&) = delete;
  connection& operator=(const connection&) = delete;

  /// Runs one or several statements of the simple protocol and gives the last result.
  result query(const std::string& sql);
  /// One statement with text parameters; nullopt is NULL.
  result query(const std::string& sql, const std::vector<std::optional<std::string>>& parameters);

  /// Ends a running query of another thread, from any thread.
  void cancel() noexcept;

  int server_version() const; ///< 150020
  std::string where() const;  ///< "postgresql://user@host:port/db", without secrets
  PGconn* raw() { return connection_; }

  /// Throws for a failed result, or for the connection's own state when `failed` is null.
  [[noreturn]] void fail(const PGresult* failed, std::string_view doing) const;
  /// Throws for what the server said, or for a lost connection when `sqlstate` is empty.
  [[noreturn]] void fail(const std::string& sqlstate, std::string message,
                         std::string_view doing) const;
  /// For whoever reads past libpq and can no longer tell where a message begins: lost() from now
  /// on.
  void give_up() noexcept { given_up_ = true; }
  bool lost() const;
  /// NOTICE and WARNING messages of the server go here; thrown away when empty.
  void on_notice(std::function<void(std::string_view sqlstate, std::string_view message)>);

 private:
  static void notice(void* self, const PGresult*);
  error_kind kind() const;

  connection_use use_;
  PGconn* connection_ = nullptr;
  bool given_up_ = false;
  struct cancel_handle;
  std::unique_ptr<cancel_handle> cancel_;
  std::function<void(std::string_view, std::string_view)> notice_;
};

/// `"We""ird"`.
std::string quote_identifier(std::string_view);
/// `'it''s'`, or E'...' where there are backslashes.
std::string quote_literal(std::string_view);
/// "schema"."name".
std::string quote_name(std::string_view schema, std::string_view name);

} // namespace leat::postgres
