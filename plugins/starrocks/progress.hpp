#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "dataflow/sink.hpp"
#include "dataflow/table_record.hpp"
#include "plugins/starrocks/encode.hpp"
#include "plugins/starrocks/load_api.hpp"
#include "plugins/starrocks/mysql_client.hpp"

namespace leat::starrocks {

/// This moment in UTC, as a DATETIME is written.
std::string now_text();

/// What is kept of one target table. Its presence says that the table's rows are this pipeline's.
struct table_record : leat::table_record {
  std::string table;
  std::string becoming; ///< what statements under way make of `columns`; empty: none are
};

/// A chunk of a snapshot that a route of mode append has given to the loads, whole (R11).
struct ended_chunk {
  std::string table;
  std::string target;          ///< route::progress_name()
  std::uint64_t chunk = 0;     ///< as in target_progress
  commit_lsn high{};           ///< H, which all of its rows show; zero: it had none
  std::uint64_t first_seq = 0; ///< `_leat_seq` of its first row
};

/// An epoch whose loads are prepared and decided, and not all committed (atomicity "table"), or
/// chunks that are to be committed ahead of theirs: `next` is the record's own then.
struct pending_epoch {
  target_progress next;
  std::vector<load_name> loads;
  std::vector<ended_chunk> chunks = {};
};

/// Attempts of the labels that continue from the record's epoch, of all tables alike. Those below
/// `ended` have ended; those from `used` on were never begun.
struct label_span {
  std::uint32_t ended = 0;
  std::uint32_t used = 1; ///< the first attempt of an epoch goes without being written down
};

/// This pipeline's record, in the tables leat_progress and leat_progress_table of the sink's
/// database (docs/progress-row.md, docs/starrocks-exactly-once.md).
class progress_record {
 public:
  progress_record(mysql_client&, std::string pipeline, std::string database);

  /// Makes the tables when missing and says that this process is the one that writes from now on.
  void claim(const starrocks_table_options&);
  /// Reads the record, through the session that claimed: what earlier commits brought is seen.
  std::optional<target_progress> read();
  /// As read(), without making anything; nothing, too, when the tables are not there.
  std::optional<target_progress> look();
  /// After claim(), before read(): what was committed through another server than this session's is
  /// seen from then on.
  void see_commits();
  /// An epoch that a crash has left half committed.
  std::optional<pending_epoch> pending() const { return pending_; }
  /// Epochs have been committed table by table, or none has been yet.
  bool may_have_table_loads() const { return !known_ || decided_; }

  /// Throws when another process has claimed or committed since.
  void check_fence();
  /// Waits until this session sees the last commit, before rows are read back.
  void await_fresh();
  /// The writers were given changes of the stream up to this commit.
  void note_newest(commit_lsn commit) { newest_ = std::max(newest_, commit); }
  /// Before rows are committed ahead of their epoch: writes down up to where they may reach.
  void go_ahead() { go_ahead(newest_); }
  void go_ahead(commit_lsn until);
  /// Rows of the target may be later than `position`.
  bool is_ahead_of(commit_lsn position) const { return position < ahead_; }
  /// The same of what is committed.
  bool is_ahead() const { return is_ahead_of(position_); }

  /// Rows of the record for a load, and for SQL.
  struct record_rows {
    std::string table;
    std::string body;
  };
  std::vector<record_rows> load_rows(const target_progress& next) const;
  static load_api::header_lines load_headers();
  void write(const target_progress& next);
  void write_pending(const pending_epoch&);
  /// What was written is committed.
  void written(const target_progress& next);

  /// Chunks that are committed ahead of their epoch: their rows of the record for the same load,
  /// and once it is committed.
  std::vector<record_rows> load_rows(const std::vector<ended_chunk>&) const;
  void chunks_written(const std::vector<ended_chunk>&);
  /// Writes, before a load of one table is committed ahead of its epoch, which chunks it brings.
  void write_pending(const std::vector<ended_chunk>&);
  /// After a crash, when every label has ended: looks for the chunks that were pending, and writes
  /// down which are there. False: none is.
  bool find_pending_chunks();

  /// Of base().
  label_span labels() const;
  /// Before the first label with an attempt of `used` or more is begun: writes that they may be.
  void use_labels(std::uint32_t used);
  /// Every label that was used has ended.
  void labels_ended();

  bool known() const { return known_; }
  epoch_id base() const { return expected_epoch_; }
  /// `target` here and below: route::progress_name().
  bool owns(const std::string& target) const { return tables_.contains(target); }
  /// Whether rows of a target table are this pipeline's: of its one source, or of one of several.
  bool owns_some_of(const std::string& target) const;
  /// Another pipeline that has the target table.
  std::optional<std::string> other_owner(const std::string& target);
  table_record table(const std::string& target) const;
  /// Takes over a table's record; settle() writes it.
  void note(table_record);
  /// The same, of what rows need not wait for.
  void note_for_later(table_record);
  /// What columns the table has, and what they are about to become: from then on its rows are this
  /// pipeline's. settle() writes it.
  void note_columns(const std::string& target, const std::string& columns,
                    const std::string& becoming = {});
  /// Writes what was noted, of all tables in one statement: before an epoch is prepared.
  void settle();
  /// Before any row is loaded; what may wait for the epoch's end is left to settle().
  void settle_for_rows() {
    if (urgent_) settle();
  }
  const std::map<std::string, table_record>& tables() const { return tables_; }

  /// Name of the side table of a resnapshot (R12).
  std::string seen_table(const std::string& target) const;
  /// Drops side tables of resnapshots that have ended: a process may have died before it did.
  void drop_left_tables();

  void forget();

 private:
  void drop_side_table(const std::string& target);
  bool exists(const std::string& table);
  /// The row *session, with the word of this process; waits until it is seen.
  void write_session();
  void insert_session();
  /// The word of the process that has claimed last, as it is seen now.
  std::string session();
  void write_ahead();
  /// For rows that are no progress themselves.
  target_progress at_base() const;
  void insert_row(const target_progress&, const char* target, const std::string& pending);
  bool is_there(const ended_chunk&);
  void read_row(const sql_rows&, std::size_t row);
  void read_tables();
  void add_missing_columns();
  void insert_tables(const std::vector<table_record>&);
  std::string row_values(const target_progress&, const std::string& target,
                         const std::string& pending) const;
  std::string table_values(const table_record&) const;
  std::vector<table_record>
  changed_tables(const std::map<std::string, std::uint64_t>& chunks) const;
  record_rows rows_of(const std::vector<table_record>&) const;

  mysql_client& sql_;
  std::string pipeline_;
  std::string database_;
  std::string table_;        ///< leat_progress, quoted
  std::string tables_table_; ///< leat_progress_table, quoted
  std::string nonce_;        ///< of this process
  bool known_ = false;       ///< something is committed
  bool decided_ = false;     ///< there is a row *next
  bool fresh_ = true;
  bool went_ahead_ = false;
  commit_lsn newest_{};   ///< note_newest()
  commit_lsn ahead_{};    ///< go_ahead()
  commit_lsn position_{}; ///< of what is committed
  std::string expected_id_;
  epoch_id expected_epoch_ = 0;
  epoch_id labels_base_ = 0; ///< that labels_ is of
  label_span labels_;
  std::optional<target_progress> found_;
  std::optional<pending_epoch> pending_;
  std::vector<ended_chunk> pending_chunks_;
  std::map<std::string, table_record> tables_;
  std::set<std::string> noted_; ///< of tables_, that are not written yet
  bool urgent_ = false;         ///< rows have to wait for one of them
};

} // namespace leat::starrocks
