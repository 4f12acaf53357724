#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "dataflow/sink.hpp"
#include "dataflow/table_record.hpp"
#include "plugins/postgres/target_session.hpp"

namespace leat::postgres {

/// This pipeline's record at the target, in leat_progress and leat_progress_table
/// (docs/progress-row.md), and the fence of R3: every transaction locks the row first and goes on
/// only if it still says what this sink wrote or read last. A table_record's presence says that the
/// table's rows are this pipeline's.
class target_progress_record {
 public:
  /// `schema`: where the two tables stand.
  target_progress_record(std::string pipeline, std::string schema);

  /// Makes tables and row when missing, waits until no transaction of an earlier sink holds the
  /// row, and reads the record. Nothing: this pipeline has committed nothing here.
  std::optional<target_progress> open(target_session&);

  /// As open(), without making or locking anything; nothing, too, when the tables are not there.
  std::optional<target_progress> look(target_session&);

  /// Sends the lock and the check, as the first statements of a transaction that is open.
  void send_fence(target_session&);
  /// Sends the new content. After the COMMIT that follows it, written() must be called.
  void send(target_session&, const target_progress&);
  void written(const target_progress&);

  /// Whether the rows of a route are this pipeline's. `target` here and below:
  /// route::progress_name().
  bool owns(const std::string& target) const { return known_ && tables_.contains(target); }
  /// Whether rows of a target table are: of its one source, or of one of several.
  bool owns_some_of(const std::string& target) const;
  /// Another pipeline that has the target table.
  std::optional<std::string> other_owner(target_session&, const std::string& target);
  /// Says that they are, in the transaction that is open, and what a new table has.
  void own(target_session&, const std::string& target, const std::string& columns);
  /// As the target has it; all zero and empty for a table that is not there.
  table_record table(const std::string& target) const;
  /// Sends which snapshot runs and which has ended.
  void send_snapshot(target_session&, const std::string& target, const table_record&);
  /// Sends what columns the table has.
  void send_columns(target_session&, const std::string& target, const std::string& columns);

  /// Quoted name of the side table of a resnapshot (R12).
  std::string seen_table(const std::string& target) const;

  /// Removes the record with its side tables, and the tables when no other pipeline has one.
  void forget(target_session&);

 private:
  void make_tables(target_session&);
  void lock_row(target_session&);
  std::optional<target_progress> read(target_session&);
  void forget_in(target_session&, const std::string& table);
  [[noreturn]] void report_holder(target_session&, const server_error&);

  std::string pipeline_;
  std::string schema_;
  std::string table_;        ///< leat_progress, quoted
  std::string tables_table_; ///< leat_progress_table, quoted
  bool known_ = false;       ///< something is committed
  std::string expected_id_;  ///< of the row as this sink knows it
  epoch_id expected_epoch_ = 0;
  std::map<std::string, table_record> tables_;
};

} // namespace leat::postgres
