#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "dataflow/route.hpp"
#include "plugins/postgres/target_session.hpp"

namespace leat::postgres {

/// Where a route's table stands at the target.
struct table_place {
  std::string schema;
  std::string name;
  std::string quoted() const { return quote_name(schema, name); }
};

/// The place that a route names: "schema.table", or a table of `default_schema`. A target that is
/// the source table's own name is one name, dots and all.
table_place place_of(const route&, const std::string& default_schema);

/// A name of at most 63 bytes: a longer one ends in a digest of the whole instead of its tail.
std::string fitting_name(std::string_view);

/// A column as the route wants it.
struct wanted_column {
  std::string name;
  std::string type;                    ///< as format_type() prints it
  std::optional<std::uint16_t> source; ///< index into route::schema->columns; none: leat's own
  bool key = false;
  std::string definition; ///< of leat's own: what follows the type
};

/// A column as the target has it.
struct real_column {
  std::string name;
  std::string type; ///< as format_type() prints it
  std::string cast; ///< its type, a domain's base type, without length or precision
  bool nullable = true;
  bool has_default = false;
  bool computed = false; ///< generated, or identity ALWAYS: takes no values
};

struct real_table {
  char kind = 'r'; ///< pg_class.relkind
  bool logged = true;
  std::vector<real_column> columns;
  std::vector<std::vector<std::string>> keys; ///< column names, sorted, of each usable unique index

  const real_column* find(std::string_view name) const;
};

/// What stands at the target now; nothing when there is no such table.
std::optional<real_table> read_table(target_session&, const table_place&);

/// A type whose values name objects of their own database, like regclass: text at the target.
bool refers_to_catalog(std::string_view type);

/// The columns of the route's table, in order: the route's, then leat's own by mode and delete
/// mode. Types that are not at the target become text; without a session only built-in ones are.
std::vector<wanted_column> wanted_columns(const route&, target_session*);

/// CREATE TABLE, one statement or two.
std::string create_table_sql(const route&, const table_place&, const std::vector<wanted_column>&);

/// What keeps the route from writing into the table, as an error with the ALTER that mends it;
/// nothing when it fits.
std::optional<leat::error> misfit(const route&, const table_place&, const real_table&,
                                  const std::vector<wanted_column>&);

/// The column's type at the target can hold every value of `wanted`, exactly.
bool holds(std::string_view real_type, std::string_view wanted);

/// Names of the route's key at the target, in key order.
std::vector<std::string> key_names(const route&);
/// `"a", "b"`
std::string quoted_list(const std::vector<std::string>& names);

inline constexpr std::string_view deleted_column = "_leat_deleted";

} // namespace leat::postgres
