#include "plugins/starrocks/table.hpp"

#include <algorithm>
#include <chrono>
#include <thread>

#include <fmt/format.h>

#include "dataflow/option_checks.hpp"
#include "plugins/starrocks/errors.hpp"

namespace leat::starrocks {

namespace {

wanted_column own(std::string_view name, std::string sql, value_form form, bool key = false,
                  std::string fallback = {}) {
  column_type type{std::move(sql), form, 0, {}, 0, {}};
  return {std::string(name), std::move(type), std::nullopt, key, std::move(fallback)};
}

std::string double_quoted(std::string_view text) {
  std::string made = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') made += '\\';
    made += c;
  }
  return made + "\"";
}

bool in_key(const route& r, std::size_t i) {
  return std::find(r.key.begin(), r.key.end(), i) != r.key.end();
}

/// Of the sink's tables, or the route's.
std::string zone_of(const route& r) { return r.made_with ? r.made_with->timezone : "UTC"; }

wanted_column of_route(const route& r, std::size_t i, bool key, const server_traits& server) {
  auto type = in_zone(type_of(r.source_column(i), key, server), zone_of(r));
  // Two keys would be one, an hour long, each autumn.
  if (key && type.zone != nullptr)
    throw error(error_kind::usage,
                "column " + r.columns[i].name + " of the key is a timestamptz, which " + zone_of(r)
                    + " does not tell apart when clocks go back",
                r.schema->qualified_name() + " to " + r.target,
                "set timezone = \"UTC\" in the [route.table] of this table");
  return {r.columns[i].name,         std::move(type), r.columns[i].source, key, {},
          r.source_column(i).comment};
}

std::string key_list(const std::vector<wanted_column>& columns) {
  std::string list;
  for (const auto& c : columns)
    if (c.key) list += (list.empty() ? "" : ", ") + quote_identifier(c.name);
  return list;
}

bool tells_apart(const route& r, std::size_t column) {
  return std::any_of(r.own_rows.begin(), r.own_rows.end(),
                     [&](const own_value& v) { return v.column == r.columns[column].name; });
}

} // namespace

wanted_column own_column(const char* name, const char* type, bool key) {
  return {name, {type, value_form::text, 0, {}, 0, {}}, std::nullopt, key, {}};
}

const real_column* real_table::find(std::string_view name) const {
  const auto at = std::find_if(columns.begin(), columns.end(),
                               [&](const auto& c) { return same_column(c.name, name); });
  return at == columns.end() ? nullptr : &*at;
}

std::string own_rows(const route& r) {
  std::string condition;
  for (const auto& [column, text] : r.own_rows)
    condition += (condition.empty() ? "" : " AND ") + quote_identifier(column) + " = "
                 + mysql_client::quote(text);
  return condition;
}

std::vector<wanted_column> wanted_columns(const route& r, const server_traits& server) {
  const bool append = r.mode == route_mode::append;
  std::vector<wanted_column> wanted;
  if (append) {
    wanted.push_back(own("_leat_lsn", "VARCHAR(17)", value_form::text, true));
    wanted.push_back(own("_leat_seq", "BIGINT", value_form::integer, true));
    wanted.push_back(own("_leat_op", "VARCHAR(1)", value_form::text, true));
    // Chunks of two tables can have one H and one number.
    for (std::size_t i = 0; i < r.columns.size(); ++i)
      if (tells_apart(r, i)) wanted.push_back(of_route(r, i, true, server));
  } else {
    for (const auto k : r.key) wanted.push_back(of_route(r, k, true, server));
  }
  for (std::size_t i = 0; i < r.columns.size(); ++i)
    if (append ? !tells_apart(r, i) : !in_key(r, i))
      wanted.push_back(of_route(r, i, false, server));
  if (append) {
    wanted.push_back(own("_leat_time", "DATETIME", value_form::timestamptz));
    wanted.back().type = in_zone(wanted.back().type, zone_of(r));
    auto missing = own("_leat_missing", "ARRAY<VARCHAR(1024)>", value_form::array);
    missing.type.element = value_form::text;
    wanted.push_back(std::move(missing));
  } else if (r.removal == delete_mode::soft) {
    wanted.push_back(own(deleted_column, "BOOLEAN", value_form::boolean, false, "0"));
  }
  return wanted;
}

std::string quoted_table(const std::string& database, const std::string& table) {
  return quote_identifier(database) + "." + quote_identifier(table);
}

std::string_view utf8_prefix(std::string_view text, std::size_t most) {
  auto size = std::min(text.size(), most);
  while (size < text.size() && size > 0 && (text[size] & 0xC0) == 0x80) --size;
  return text.substr(0, size);
}

std::string comment_literal(std::string_view text, std::size_t most) {
  return double_quoted(utf8_prefix(text, most));
}

namespace {

std::string definition(const wanted_column& c, const std::string& fallback) {
  auto text = quote_identifier(c.name) + " " + c.type.sql;
  text += c.key || !c.fallback.empty() ? " NOT NULL" : " NULL";
  text += fallback;
  if (!c.comment.empty()) text += " COMMENT " + comment_literal(c.comment, longest_column_comment);
  return text;
}

bool starts_with(std::string_view text, std::string_view word) {
  return same_column(text.substr(0, word.size()), word);
}

} // namespace

std::string column_definition(const wanted_column& c) {
  return definition(c, c.fallback.empty() ? "" : " DEFAULT " + double_quoted(c.fallback));
}

std::string column_definition(const wanted_column& c, const real_column& there) {
  return definition(c, default_clause(there));
}

/// DESC shows an expression without its parentheses.
std::string default_clause(const real_column& c) {
  if (!c.fallback) return {};
  const bool time =
      starts_with(*c.fallback, "current_timestamp") || starts_with(*c.fallback, "now(");
  if (time && starts_with(c.type, "datetime")) return " DEFAULT " + *c.fallback;
  if (same_column(*c.fallback, "uuid()") || same_column(*c.fallback, "uuid_numeric()"))
    return " DEFAULT (" + *c.fallback + ")";
  return " DEFAULT " + double_quoted(*c.fallback);
}

std::string create_table_sql(const std::string& database, const std::string& table,
                             const std::vector<wanted_column>& columns,
                             const starrocks_table_options& options, const std::string& comment) {
  std::string sql = "CREATE TABLE IF NOT EXISTS " + quoted_table(database, table) + " (\n";
  for (std::size_t i = 0; i < columns.size(); ++i)
    sql += (i == 0 ? "  " : ",\n  ") + column_definition(columns[i]);
  const auto keys = key_list(columns);
  sql += "\n)\nPRIMARY KEY (" + keys + ")";
  if (!comment.empty()) sql += "\nCOMMENT " + comment_literal(comment, longest_table_comment);
  sql += "\nDISTRIBUTED BY HASH (" + keys + ")";
  if (options.buckets != 0) sql += " BUCKETS " + std::to_string(options.buckets);
  std::string order;
  for (const auto& name : options.order_by) {
    const bool there = std::any_of(columns.begin(), columns.end(),
                                   [&](const auto& c) { return same_column(c.name, name); });
    if (!there) order.clear();
    if (!there) break;
    order += (order.empty() ? "" : ", ") + quote_identifier(name);
  }
  if (!order.empty()) sql += "\nORDER BY (" + order + ")";
  std::string properties;
  for (const auto& [name, value] : options.properties)
    properties +=
        (properties.empty() ? "" : ", ") + double_quoted(name) + " = " + double_quoted(value);
  if (!properties.empty()) sql += "\nPROPERTIES (" + properties + ")";
  return sql;
}

starrocks_table_options options_for(const server_traits& server, starrocks_table_options options) {
  constexpr std::uint64_t usual_buckets = 10;
  if (options.buckets == 0 && !server.has_own_buckets()) options.buckets = usual_buckets;
  return options;
}

std::string create_table_sql(const std::string& database, const route& r,
                             const server_traits& server, const starrocks_table_options& of_sink) {
  return create_table_sql(database, r.target, wanted_columns(r, server),
                          options_for(server, r.made_with ? *r.made_with : of_sink),
                          r.own_rows.empty() ? r.schema->comment : std::string{});
}

std::optional<real_table> read_table(mysql_client& sql, const std::string& database,
                                     const std::string& table) {
  const auto of_table = " WHERE TABLE_SCHEMA = " + mysql_client::quote(database)
                        + " AND TABLE_NAME = " + mysql_client::quote(table);
  const auto where = database + "." + table;
  const auto config = sql.query(
      "SELECT TABLE_MODEL, PRIMARY_KEY FROM information_schema.tables_config" + of_table, where);
  // A view is in the other list alone.
  if (config.empty()
      && sql.query("SELECT TABLE_NAME FROM information_schema.tables" + of_table, where).empty())
    return std::nullopt;
  real_table made;
  made.primary = !config.empty() && config.text(0, "TABLE_MODEL") == "PRIMARY_KEYS";
  made.primary = made.primary || (!config.empty() && config.text(0, "TABLE_MODEL") == "PRI_KEYS");
  const auto columns = sql.query("DESC " + quoted_table(database, table), where);
  for (std::size_t i = 0; i < columns.rows.size(); ++i) {
    const auto key = columns.text(i, "Key");
    made.columns.push_back({columns.text(i, "Field"), columns.text(i, "Type"),
                            same_column(columns.text(i, "Null"), "yes"),
                            same_column(key, "true") || same_column(key, "pri"),
                            columns.rows[i][columns.column("Default")]});
  }
  return made;
}

namespace {

/// A load tells with these what a row is for, so that no server takes a column of the name.
constexpr std::string_view reserved_names[] = {"__op", "__row"};

bool is_reserved(const wanted_column& c) {
  return std::ranges::any_of(reserved_names,
                             [&](std::string_view name) { return same_column(c.name, name); });
}

} // namespace

std::optional<leat::error> misnamed(const std::string& database, const std::string& table,
                                    const std::vector<wanted_column>& wanted, load_format format) {
  if (const auto c = std::ranges::find_if(wanted, is_reserved); c != wanted.end())
    return leat::error(error_kind::sink,
                       "StarRocks keeps the column name " + quote_identifier(c->name)
                           + " for itself",
                       quoted_table(database, table),
                       "rename the column at the source, leave it out with `exclude`, or give it "
                       "another name in `columns`");
  const bool bytes = std::any_of(wanted.begin(), wanted.end(),
                                 [](const auto& c) { return c.type.form == value_form::bytes; });
  if (!bytes && format == load_format::json) return std::nullopt;
  for (const auto& c : wanted)
    if (!wrong_header_name(c.name).empty())
      return leat::error(error_kind::sink,
                         "column " + quote_identifier(c.name)
                             + (bytes ? " stands beside a VARBINARY column" : " is loaded as CSV")
                             + ", and its name cannot be in the HTTP header that such a load needs",
                         quoted_table(database, table),
                         bytes ? "rename the column at the source, or leave one of them out with "
                                 "`exclude`"
                               : "set format = \"json\", or rename the column");
  return std::nullopt;
}

void wait_for_alter(mysql_client& sql, const std::string& database, const std::string& table) {
  const auto quoted = quoted_table(database, table);
  const auto until = std::chrono::steady_clock::now() + timeouts::schema_change;
  std::string watched;
  while (true) {
    const auto jobs = sql.query("SHOW ALTER TABLE COLUMN FROM " + quote_identifier(database)
                                    + " WHERE TableName = " + mysql_client::quote(table)
                                    + " ORDER BY JobId DESC LIMIT 1",
                                quoted);
    if (jobs.empty()) return;
    const auto state = jobs.text(0, "State");
    if (state == "FINISHED") return;
    // One that ended before leat looked is somebody else's.
    if (state == "CANCELLED" && jobs.text(0, "JobId") != watched) return;
    if (state == "CANCELLED")
      throw server_error("StarRocks has cancelled a schema change", jobs.text(0, "Msg"), quoted);
    if (std::chrono::steady_clock::now() > until)
      retry_later("a schema change of the target takes too long (" + state + ")", quoted,
                  "see SHOW ALTER TABLE COLUMN");
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
    watched = jobs.text(0, "JobId");
  }
}

namespace {

struct difference {
  std::string what;
  std::string remedy;
};

std::optional<difference> difference_of(const std::string& table, const wanted_column& c,
                                        const real_table& real) {
  const auto name = quote_identifier(c.name);
  const auto alter = "ALTER TABLE " + table;
  const auto* there = real.find(c.name);
  if (there == nullptr)
    return difference{"the target table has no column " + name,
                      alter + " ADD COLUMN " + column_definition(c)};
  if (!holds(there->type, c.type.sql))
    return difference{"column " + name + " of the target table is " + there->type + ", and "
                          + c.type.sql + " is needed",
                      c.key ? "StarRocks alters no column of a key: drop the table, so that leat "
                              "makes it, or name another target with `to`"
                            : alter + " MODIFY COLUMN " + column_definition(c, *there)};
  if (!c.key && c.fallback.empty() && !there->nullable)
    return difference{"column " + name + " of the target table is NOT NULL",
                      alter + " MODIFY COLUMN " + column_definition(c, *there)};
  return std::nullopt;
}

/// All of them, so that one look is enough.
std::vector<difference> differences(const std::string& table,
                                    const std::vector<wanted_column>& wanted,
                                    const real_table& real) {
  std::vector<difference> found;
  for (const auto& c : wanted)
    if (auto d = difference_of(table, c, real)) found.push_back(std::move(*d));
  for (const auto& c : real.columns) {
    const bool ours = std::any_of(wanted.begin(), wanted.end(),
                                  [&](const auto& w) { return same_column(w.name, c.name); });
    if (ours || c.nullable) continue;
    const auto name = quote_identifier(c.name);
    found.push_back({"the target table has a column " + name
                         + " that is NOT NULL and that the route does not write",
                     "ALTER TABLE " + table + " MODIFY COLUMN " + name + " " + c.type + " NULL"
                         + default_clause(c) + ", or drop it"});
  }
  return found;
}

std::optional<leat::error> refusal(const std::string& table, const std::vector<difference>& all) {
  if (all.empty()) return std::nullopt;
  std::string what;
  std::string remedy;
  for (const auto& d : all) {
    what += (what.empty() ? "" : "; ") + d.what;
    remedy += (remedy.empty() ? "" : "; ") + d.remedy;
  }
  return leat::error(error_kind::sink, what, table, remedy);
}

} // namespace

std::optional<leat::error> misfit(const std::string& database, const std::string& table,
                                  const std::vector<wanted_column>& wanted,
                                  const real_table& real) {
  const auto name = quoted_table(database, table);
  const auto refused = [&](const std::string& what, const std::string& remedy) {
    return leat::error(error_kind::sink, what, name, remedy);
  };
  if (!real.primary)
    return refused("the target table is not a Primary Key table",
                   "drop it, so that leat makes it, or name another target with `to`");
  std::vector<std::string> keys;
  for (const auto& c : real.columns)
    if (c.key) keys.push_back(c.name);
  std::size_t k = 0;
  for (const auto& c : wanted)
    if (c.key && (k >= keys.size() || !same_column(keys[k++], c.name)))
      return refused("the primary key of the target table is not (" + key_list(wanted) + ")",
                     "drop the table, or name another target with `to`");
  if (k != keys.size())
    return refused("the primary key of the target table is not (" + key_list(wanted) + ")",
                   "drop the table, or name another target with `to`");
  return refusal(name, differences(name, wanted, real));
}

std::vector<load_column> load_columns(const std::vector<wanted_column>& wanted) {
  std::vector<load_column> columns;
  for (const auto& c : wanted)
    columns.push_back({c.name, c.type, !c.key && c.fallback.empty(), c.key});
  return columns;
}

} // namespace leat::starrocks
