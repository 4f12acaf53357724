#pragma once

#include <atomic>
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
            receiver = {}, const std::string& table = {});
  /// Sends one prepared statement with arrays, one per parameter.
  void send(target_statement&, std::span<text_array> parameters, receiver = {});
  /// Waits for the results of everything that was sent.
  void finish();

  /// Makes the server begin with what was sent, without waiting for it.
  void flush();

  /// Runs a COPY FROM STDIN: `next` adds rows to the buffer, and gives false when there are none
  /// left. All is sent when it returns; the answer is waited for before anything else is.
  void copy(const std::string& sql, const std::string& table,
            const std::function<bool(copy_rows&)>& next);
  /// The same inside a transaction, for rows that the server may refuse: `ended` is called with its
  /// error, and nothing of the COPY is written, or with null. True: the error is dealt with.
  using copy_end = std::function<bool(const server_error*)>;
  void try_copy(const std::string& sql, const std::string& table,
                const std::function<bool(copy_rows&)>& next, copy_end ended);

  /// Runs what `act` sends, inside a transaction, and waits for it. The server's error, after which
  /// nothing of it is written; nothing when there was none.
  std::optional<server_error> attempt(const std::function<void()>& act);

  /// Forgets a prepared statement, for a table that has changed.
  void release(target_statement&);

  /// Ends the statement that runs, and lets no other begin: each throws. Thread-safe.
  void cancel() noexcept;

  connection& server() { return connection_; }
  std::string where() const { return connection_.where(); }

 private:
  struct awaited {
    std::string table;
    receiver take;
  };

  void check_cancelled() const;
  void enter_pipeline();
  void sent(int ok, const std::string& table, receiver);
  void receive(const awaited&);
  result checked(result, const std::string& table) const;
  [[noreturn]] void fail(const PGresult*, const std::string& table) const;
  server_error error_of(const PGresult*) const;
  void start_copy(const std::string& sql, const std::string& table,
                  const std::function<bool(copy_rows&)>& next);
  void send_copy(const std::string& table, const std::function<bool(copy_rows&)>& next);
  void end_copy();
  void leave_failed_pipeline();

  struct running_copy {
    std::string table;
    copy_end ended; ///< empty: no error is allowed for
  };

  connection connection_;
  std::deque<awaited> awaited_;
  std::optional<running_copy> copying_; ///< sent, its answer not taken yet
  std::uint64_t statements_ = 0;
  std::atomic<bool> cancelled_ = false;
};

} // namespace leat::postgres
