#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "dataflow/position.hpp"
#include "dataflow/schema.hpp"
#include "dataflow/visibility.hpp"
#include "plugins/postgres/connection.hpp"
#include "plugins/postgres/key_range.hpp"

namespace leat::postgres {

struct locked_column {
  std::string name;
  oid type = 0;
  std::int32_t modifier = -1;
  bool generated = false;
  std::string type_name; ///< format_type()
};

/// A source table inside a chunk's transaction (R5): locked first, then looked at.
struct locked_table {
  oid id = 0;
  std::string schema; ///< its names now; they may differ from the stream's
  std::string name;
  bool partitioned = false;
  bool hides_rows = false;   ///< row level security applies to this role
  xid_snapshot seen;         ///< S
  wal_lsn high{};            ///< H
  std::uint64_t storage = 0; ///< digest of the relfilenodes of the table and its partitions
  std::vector<locked_column> columns;

  /// One row of what lock_and_look() gives; the first brings all but the columns.
  void take_look(const connection&, const result& rows, int row);

  /// What to read from. Rows of inheritance children belong to the children, which have streams of
  /// their own; a partitioned table is nothing but its leaves.
  std::string from() const { return (partitioned ? "" : "ONLY ") + quote_name(schema, name); }

  /// True when the table still has the columns of `wanted`, in its order. With `all`, no others
  /// either, but for generated ones, which are published only on demand.
  bool has_columns(const table_schema& wanted, bool all) const;

  /// Nothing when one of the columns is not there any more, or of another type.
  std::optional<key_columns> key_of(connection&, const table_schema&,
                                    const std::vector<std::uint16_t>& key) const;
};

/// S and H: which transactions a snapshot holds, and the WAL it can at most reach back to.
struct snapshot_point {
  xid_snapshot seen;
  wal_lsn high{};
};

/// From two columns of the first row, pg_current_snapshot() and snapshot_high. Throws leat::error
/// on a standby: what is running there cannot be asked for.
snapshot_point point_of(const connection&, const result&, int column);

/// SQL: the insert position, which alone is past every visible commit; NULL on a standby.
inline constexpr const char* snapshot_high =
    "CASE WHEN NOT pg_is_in_recovery() THEN pg_current_wal_insert_lsn()::text END";

/// Once per connection, before lock_table() and lock_and_look().
void prepare_locking(connection&);

/// Statements that begin the transaction, lock the table and look at it; none gives rows but the
/// last. Those before it take no snapshot, so S is younger than the lock: otherwise a rewriting DDL
/// between the two makes the chunk silently empty.
std::string lock_and_look(const std::string& schema, const std::string& name);

/// Begins a REPEATABLE READ READ ONLY transaction that holds ACCESS SHARE on the table, under
/// whatever name it has now. Nothing, with no transaction open, when it is dropped. Throws
/// server_error (55P03 after the connection's lock_timeout), with the transaction left as it is.
std::optional<locked_table> lock_table(connection&, const table_schema&);

} // namespace leat::postgres
