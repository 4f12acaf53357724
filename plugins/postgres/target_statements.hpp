#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "dataflow/route.hpp"
#include "plugins/postgres/target_table.hpp"

namespace leat::postgres {

/// A column of the route as its statements name it.
struct written_column {
  std::string name; ///< quoted
  std::string cast; ///< what a text is cast to; without a length, so that too long is an error
  std::size_t source = 0; ///< index into route::schema->columns
  bool comparable = true; ///< the type has an equality
};

/// What the statements of one route are made of; changes with the route's schema.
struct table_shape {
  std::string table;                   ///< quoted
  std::vector<written_column> columns; ///< of the route, in order
  std::vector<std::size_t> key;        ///< indexes into columns
  bool soft = false;                   ///< rows are marked deleted instead of removed
  std::string
      own; ///< condition on `t` for the source's rows where others are in the table; or empty
};

table_shape shape_of(const route&, const table_place&, const real_table&);

// Statements over arrays of texts, one array a column, the n-th elements of which are the n-th row.

/// $1.. the route's columns; soft: then whether the row is deleted.
std::string upsert_sql(const table_shape&);
/// Removes keys, or marks them. $1.. the key.
std::string remove_sql(const table_shape&);
/// Sets `columns` where the key is. $1 the row's number, then the key, then `columns`; soft: then
/// whether it is deleted. Gives the numbers of the rows that it found.
std::string update_sql(const table_shape&, const std::vector<std::size_t>& columns);
/// $1 the row's number, then the key. Gives the number and the texts of the route's columns.
std::string read_sql(const table_shape&);

/// What tells the rows of the route's source from others', of the table under that alias.
std::string own_rows_sql(const route&, const std::string& alias);

/// Plain statements without parameters.
std::string remove_all_sql(const table_shape&);
std::string copy_sql(const table_shape&);

/// Exactly one row that equals $1.. in all columns, NULLs where `nulls` says so: removed (or
/// marked), or set to the values that follow.
std::string remove_one_sql(const table_shape&, const std::vector<bool>& nulls);
std::string update_one_sql(const table_shape&, const std::vector<bool>& nulls);

// Keys that a resnapshot has seen (R12).
std::string make_seen_sql(const table_shape&, const std::string& seen);
/// Its columns, of which each is one of the key by its place, that have another type than the key;
/// and that type.
std::string seen_types_sql(const route&, const table_shape&, const std::string& seen);
/// $1.. the key.
std::string add_seen_sql(const table_shape&, const std::string& seen);
/// Removes (or marks) every row whose key was not seen.
std::string remove_unseen_sql(const table_shape&, const std::string& seen);

// Rows that a snapshot again of a table without a key has brought (R12).
std::string make_fresh_sql(const table_shape&, const std::string& fresh);
/// Adds them to the table, and drops theirs.
std::string take_fresh_sql(const table_shape&, const std::string& fresh);

} // namespace leat::postgres
