#pragma once

#include <string>
#include <string_view>

#include "plugins/starrocks/load_api.hpp"

namespace leat::starrocks {

/// How a commit ended.
enum class commit_outcome : std::uint8_t {
  visible,
  aborted,
  forgotten, ///< the server does not know the label: what it wrote has to tell
};

/// One load transaction from its begin on. Nothing of it is ever tried twice but a commit or a
/// rollback: a load that failed may have left rows behind.
class load_transaction {
 public:
  /// `some_table`: one of the database, for a cancel by label.
  load_transaction(load_api&, load_name, std::string some_table);

  /// False: the label is taken.
  bool begin();
  /// Throws leat::error: the transaction is of no use after that. Rows that the server refuses are
  /// a row_error, here or later. Any thread, one a table.
  void load(const std::string& table, const load_api::header_lines&, std::string_view body);
  /// Of one table only: the rows are checked and durable, and wait for commit().
  void prepare();

  /// Commits, also after the answer was lost, and waits until the rows can be read. Throws a
  /// transient error when the server cannot be asked, or takes too long to show them.
  commit_outcome commit();

  /// Commits one that was decided on before a crash, if it is there still.
  commit_outcome finish();

  /// Ends it without its rows, whatever has happened to it. Gives what it came to: it may have been
  /// committed after all.
  load_state roll_back();

  const load_name& name() const { return name_; }

 private:
  [[noreturn]] void fail(const char* what, const load_reply&, const std::string& table) const;
  load_state ask() const;
  commit_outcome wait_visible() const;

  load_api& api_;
  load_name name_;
  std::string some_table_;
};

} // namespace leat::starrocks
