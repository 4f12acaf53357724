#pragma once

#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

typedef struct pg_conn PGconn;

namespace leat::test {

using text_row = std::vector<std::optional<std::string>>;
using text_rows = std::vector<text_row>;

/// A statement that the server refused, or a connection that was lost (then `sqlstate` is empty).
class pg_failure : public std::runtime_error {
 public:
  pg_failure(std::string state, const std::string& what)
      : runtime_error(what), sqlstate(std::move(state)) {}
  std::string sqlstate;
};

/// One session of a test at a PostgreSQL server. Independent of leat's own connection class, so
/// that a test does not judge that class by itself.
class pg_session {
 public:
  explicit pg_session(const std::string& conninfo);

  /// One or several statements; throws pg_failure.
  void execute(const std::string& sql);
  /// The rows of the last statement, as text; nullopt is NULL.
  text_rows query(const std::string& sql);
  /// The first column of the first row, "" when it is NULL or there is no row.
  std::string value(const std::string& sql);

  /// Sends without waiting, for statements that block; finish() waits for them.
  void send(const std::string& sql);
  void finish();

  int backend_pid() const;
  PGconn* raw() { return connection_.get(); }

 private:
  struct closer {
    void operator()(PGconn*) const;
  };
  std::unique_ptr<PGconn, closer> connection_;
};

} // namespace leat::test
