#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "dataflow/schema.hpp"
#include "plugins/postgres/connection.hpp"
#include "plugins/postgres/type_catalog.hpp"

namespace leat::postgres {

/// Why PostgreSQL refuses UPDATE and DELETE on a published table: it finds no usable replica
/// identity.
enum class identity_problem : std::uint8_t {
  none,
  nothing,        ///< REPLICA IDENTITY NOTHING
  no_key,         ///< default identity without a primary key
  deferrable_key, ///< default identity, and the primary key is deferrable
  no_index,       ///< identity USING INDEX, and the index is gone
};

/// A table that a publication can hold, as the catalog has it now.
struct catalog_table {
  schema_ptr schema; ///< columns as pgoutput sends them; numbers and nullability known
  char kind = 'r';   ///< r: ordinary, p: partitioned
  bool partition = false;
  oid root = 0;              ///< of a partition: its topmost ancestor; else the table itself
  double rows_estimated = 0; ///< 0 when never analyzed; over all partitions
  identity_problem problem =
      identity_problem::none;   ///< of the table, or of its first bad partition
  std::string problem_table;    ///< quoted name of the table that `problem` is about
  bool problem_has_key = false; ///< that table has a primary key that could be its identity
  bool row_security = false;    ///< policies would hide rows from this role
  bool can_select = true;
  bool can_use_schema = true;
  bool owned = true;      ///< this role may put it into a publication
  std::string row_filter; ///< of the publication asked about (15+); an expression, or empty
  /// Not empty: the table is partitioned and its identity FULL, and that of some partitions is not.
  /// The server sends whole old rows then, but the WAL of those has the key alone, and the rest is
  /// NULL: the schema says what they are, `by_default`. The statements that mend it.
  std::string partial_old_rows;
};

/// Whether partitioned tables are delivered as themselves or as their leaves, and the publication
/// whose column lists, row filters and generated columns apply (15+; empty or missing: all
/// columns).
struct publication_view {
  bool via_partition_root = true;
  std::string publication;
};

/// Every permanent ordinary and partitioned table outside the system schemas, by schema and name.
/// The key is the primary key in its own column order (identity default or full, unless
/// deferrable), or the columns of the identity index. Takes no lock on a table: the application's
/// DDL could meet it in a deadlock.
std::vector<catalog_table> list_tables(connection&, const type_catalog&,
                                       const publication_view& = {});

/// The same for one table, of either side of partitioning.
std::optional<catalog_table> find_table(connection&, const type_catalog&, oid,
                                        const publication_view& = {});

} // namespace leat::postgres
