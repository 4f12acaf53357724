#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "dataflow/error.hpp"
#include "dataflow/route.hpp"
#include "dataflow/starrocks_options.hpp"
#include "plugins/starrocks/encode.hpp"
#include "plugins/starrocks/mysql_client.hpp"
#include "plugins/starrocks/types.hpp"

namespace leat::starrocks {

/// A column as the route wants it.
struct wanted_column {
  std::string name;
  column_type type;
  std::optional<std::uint16_t> source; ///< index into route::schema->columns; none: leat's own
  bool key = false;
  std::string fallback = {}; ///< DEFAULT of leat's own
  std::string comment = {};  ///< of the source's column
};

/// Of a table of leat's own.
wanted_column own_column(const char* name, const char* type, bool key = false);

/// A column as the target has it.
struct real_column {
  std::string name;
  std::string type;
  bool nullable = true;
  bool key = false;
  std::optional<std::string> fallback = {}; ///< DEFAULT, as DESC shows it
};

struct real_table {
  bool primary = false; ///< a Primary Key table
  std::vector<real_column> columns;

  const real_column* find(std::string_view name) const;
};

/// The columns of the route's table: those of its key first, in key order, as StarRocks demands.
std::vector<wanted_column> wanted_columns(const route&, const server_traits&);

/// What holds for the rows of the route's source where others are in the table; empty where none
/// are.
std::string own_rows(const route&);

/// `database`.`table`
std::string quoted_table(const std::string& database, const std::string& table);

std::string create_table_sql(const std::string& database, const std::string& table,
                             const std::vector<wanted_column>&, const starrocks_table_options&,
                             const std::string& comment = {});
/// The table of a route, with what the file and the source say of it.
std::string create_table_sql(const std::string& database, const route&, const server_traits&,
                             const starrocks_table_options& of_sink);
/// The options as this server takes them: an older one is told a number of buckets.
starrocks_table_options options_for(const server_traits&, starrocks_table_options);
/// At most so many bytes of a text; no character of UTF-8 is cut in two.
std::string_view utf8_prefix(std::string_view text, std::size_t most);
/// A text as a comment, in quotes; the server takes so many bytes.
std::string comment_literal(std::string_view text, std::size_t most);
inline constexpr std::size_t longest_column_comment = 1024;
inline constexpr std::size_t longest_table_comment = 2048;
/// A column as CREATE TABLE and ADD COLUMN have it.
std::string column_definition(const wanted_column&);
/// The same as MODIFY COLUMN has it: it may not change the DEFAULT.
std::string column_definition(const wanted_column&, const real_column&);
/// ` DEFAULT "x"`; empty where there is none.
std::string default_clause(const real_column&);

/// What stands at the target now; nothing when there is no such table.
std::optional<real_table> read_table(mysql_client&, const std::string& database,
                                     const std::string& table);

/// A column whose name the server keeps for itself, or that cannot stand in the header that loads
/// of this kind need.
std::optional<leat::error> misnamed(const std::string& database, const std::string& table,
                                    const std::vector<wanted_column>&, load_format);

/// Waits until no ALTER of the table is at work: the server takes one a table at a time. Nothing of
/// leat's may be open on the table, or the job waits for it.
void wait_for_alter(mysql_client&, const std::string& database, const std::string& table);

/// What keeps rows of these columns from being written, with the statement that mends it; nothing
/// when they fit.
std::optional<leat::error> misfit(const std::string& database, const std::string& table,
                                  const std::vector<wanted_column>&, const real_table&);

/// What a load writes, column by column.
std::vector<load_column> load_columns(const std::vector<wanted_column>&);

inline constexpr std::string_view deleted_column = "_leat_deleted";

} // namespace leat::starrocks
