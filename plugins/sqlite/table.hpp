#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "dataflow/error.hpp"
#include "dataflow/route.hpp"
#include "plugins/sqlite/database.hpp"
#include "plugins/sqlite/values.hpp"

namespace leat::sqlite {

/// A column that leat writes.
struct wanted_column {
  std::string name;
  storage kind = storage::text;
  bool key = false;
  bool leat_own = false; ///< _leat_deleted, _leat_op ...
};

/// The columns of a route's table, leat's own after the route's.
std::vector<wanted_column> wanted_columns(const route&);

/// CREATE TABLE of a route, under its own name or another. Throws for names that SQLite cannot hold
/// side by side.
std::string create_statement(const route&);
std::string create_statement(const route&, std::string_view name);

/// A column as the database has it.
struct found_column {
  std::string name;
  std::string type; ///< as declared
  bool not_null = false;
  bool has_default = false;
  int key_place = 0; ///< from 1 in the PRIMARY KEY; 0: not part of it
};

/// Columns of a table; empty when there is none of this name.
std::vector<found_column> found_columns(const database&, std::string_view table);

bool table_exists(const database&, std::string_view table);
bool has_rows(const database&, std::string_view table);

/// SQLite compares names of tables and columns without regard to the case of ASCII letters.
bool same_name(std::string_view, std::string_view);

/// What makes an existing table unfit for a route; nothing when it fits. Columns that the route
/// does not write are allowed when they may be left out of an INSERT.
std::optional<error> misfit(const database&, const route&);

/// What holds for the rows of the route's source where others are in the table: `"source" = 'a'`;
/// empty where none are.
std::string own_rows(const route&);

/// `<file>, table "name"`.
std::string place_of(const database&, const route&);

} // namespace leat::sqlite
