#pragma once

#include <deque>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "plugins/postgres/connection.hpp"
#include "plugins/postgres/copy_rows.hpp"
#include "plugins/postgres/text_array.hpp"

namespace leat::postgres {

/// A statement prepared once per session, at its first use.
struct target_statement {
  std::string sql;
  std::string table; ///< quoted; for errors
  std::string name;  ///< empty: not prepared yet
};

/// A session at a target: statements that are sent without waiting for the one before, and COPY.
/// Everything that fails throws target_error(); the session is of no use after that.
class target_session {
 public:
  explicit target_session(const connection_parameters&);

  /// Takes the result of a statement sent earlier, in the order of sending.
  using receiver = std::function<void(result)>;

  /// Runs at once, after everything that was sent: statements, or one with text parameters.
  result query(const std::string& sql, const std::string& table = {});
  result ask(const std::string& sql, const std::vector<std::optional<std::string>>& parameters,
             const std::string& table = {});

  /// Sends one statement with text parameters.
  void send(const std::string& sql, const std::vector<std::optional<std::string>>& parameters,
            receiver = {});
  /// Sends one prepared statement with arrays, one per parameter.
  void send(target_statement&, std::span<text_array> parameters, receiver = {});
  /// Waits for the results of everything that was sent.
  void finish();

  /// Makes the server begin with what was sent, without waiting for it.
  void flush();

  /// Runs a COPY FROM STDIN: `next` adds rows to the buffer, and gives false when there are none
  /// left.
  void copy(const std::string& sql, const std::string& table,
            const std::function<bool(copy_rows&)>& next);
  /// The same inside a transaction; false, and nothing written, when a row's key is there already.
  bool copy_if_free(const std::string& sql, const std::string& table,
                    const std::function<bool(copy_rows&)>& next);

  /// Forgets a prepared statement, for a table that has changed.
  void release(target_statement&);

  connection& server() { return connection_; }
  std::string where() const { return connection_.where(); }

 private:
  struct awaited {
    std::string table;
    receiver take;
  };

  void enter_pipeline();
  void sent(int ok, const std::string& table, receiver);
  void receive(const awaited&);
  result checked(result, const std::string& table) const;
  [[noreturn]] void fail(const PGresult*, const std::string& table) const;
  bool run_copy(const std::string& sql, const std::string& table,
                const std::function<bool(copy_rows&)>& next, bool may_collide);
  void send_copy(const std::string& table, const std::function<bool(copy_rows&)>& next);

  connection connection_;
  std::deque<awaited> awaited_;
  std::uint64_t statements_ = 0;
};

} // namespace leat::postgres
