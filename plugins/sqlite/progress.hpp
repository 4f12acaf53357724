#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "dataflow/sink.hpp"
#include "dataflow/table_record.hpp"
#include "plugins/sqlite/database.hpp"

namespace leat::sqlite {

/// What is kept of one target table of a pipeline. Its presence says that the table is this
/// pipeline's.
struct table_record : leat::table_record {
  /// Without a key: rows up to this rowid are older than the snapshot.
  std::optional<std::int64_t> boundary;
};

/// The progress record of one pipeline in leat_progress and leat_progress_table
/// (docs/progress-row.md).
class progress_record {
 public:
  /// Makes the tables when missing.
  progress_record(database&, std::string pipeline);

  std::optional<target_progress> read();

  /// Checks within the open transaction that the record is the one read or written last, then
  /// replaces it. Throws when it is another (R3's fence).
  void replace(const target_progress& next);
  /// The transaction of the last replace() is committed.
  void committed() { known_ = written_; }

  bool exists() const { return known_.has_value(); }

  /// `target` here: route::progress_name().
  std::optional<table_record> table(std::string_view target) const;
  /// Whether rows of the target table are this pipeline's: of its one source or of one of several.
  bool owns_some_of(std::string_view target) const;
  /// Another pipeline that has the target table.
  std::optional<std::string> other_owner(std::string_view target) const;
  /// Writes all of a record but last_chunk, which replace() writes, and columns.
  void set_snapshot(std::string_view target, const table_record&);
  /// Writes what columns a table has whose record is there.
  void set_columns(std::string_view target, const std::string& columns);

  /// Deletes all of it, the side tables of snapshots too, and the progress tables when they are
  /// empty.
  void forget();

 private:
  void write_chunks(const target_progress& next);

  database& db_;
  std::string pipeline_;
  std::optional<target_progress> known_;
  std::optional<target_progress> written_;
};

/// As progress_record::read(), of a file that may have no progress tables; makes none.
std::optional<target_progress> look_at_progress(const database&, const std::string& pipeline);

/// As progress_record::owns_some_of(), of a file that may have no progress tables.
bool owns_some_of(const database&, const std::string& pipeline, std::string_view target);

/// Another pipeline that has the target table, of a file that may have no progress tables.
std::optional<std::string> other_owner(const database&, const std::string& pipeline,
                                       std::string_view target);

/// The side table in which a snapshot after the first collects the keys that still exist (R12).
std::string seen_table(std::string_view target);

} // namespace leat::sqlite
