#include "plugins/postgres/target_table.hpp"

#include <xxhash.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <map>

#include "plugins/postgres/target_errors.hpp"

namespace leat::postgres {

namespace {

constexpr std::size_t longest_name = 63;

/// Their input looks a name up in the target's catalog, where it may mean something else or
/// nothing.
std::string type_at_target(const column& c, target_session* session) {
  if (refers_to_catalog(c.type_name)) return "text";
  if (session == nullptr) return c.built_in ? c.type_name : "text";
  const auto there = session->ask("SELECT to_regtype($1) IS NOT NULL", {c.type_name});
  return there.boolean(0, 0) ? c.type_name : "text";
}

wanted_column own(std::string_view name, std::string type, std::string definition = {}) {
  return {std::string(name), std::move(type), std::nullopt, false, std::move(definition)};
}

std::string definition_of(const wanted_column& c) {
  auto text = quote_identifier(c.name) + " " + c.type;
  if (!c.definition.empty()) text += " " + c.definition;
  if (c.key) text += " NOT NULL";
  return text;
}

/// "numeric" of "numeric(12,2)"; "timestamp without time zone" of "timestamp(3) without time zone".
std::string without_modifier(std::string_view type) {
  const auto open = type.find('(');
  const auto close = type.find(')');
  if (open == std::string_view::npos || close == std::string_view::npos) return std::string(type);
  return std::string(type.substr(0, open)) + std::string(type.substr(close + 1));
}

} // namespace

bool refers_to_catalog(std::string_view type) {
  static constexpr std::array<std::string_view, 12> types{
      "regclass", "regproc",      "regprocedure", "regoper",       "regoperator",  "regtype",
      "regrole",  "regnamespace", "regconfig",    "regdictionary", "regcollation", "aclitem"};
  if (type.ends_with("[]")) type.remove_suffix(2);
  return std::find(types.begin(), types.end(), type) != types.end();
}

std::vector<std::string> key_names(const route& r) {
  std::vector<std::string> names;
  for (const auto i : r.key) names.push_back(r.columns[i].name);
  return names;
}

std::string quoted_list(const std::vector<std::string>& names) {
  std::string list;
  for (const auto& name : names) list += (list.empty() ? "" : ", ") + quote_identifier(name);
  return list;
}

std::string fitting_name(std::string_view name) {
  if (name.size() <= longest_name) return std::string(name);
  std::array<char, 17> digest{};
  std::snprintf(digest.data(), digest.size(), "%016llx",
                static_cast<unsigned long long>(XXH3_64bits(name.data(), name.size())));
  auto head = name.substr(0, longest_name - digest.size());
  while (!head.empty() && (static_cast<unsigned char>(name[head.size()]) & 0xc0U) == 0x80U)
    head.remove_suffix(1);
  return std::string(head) + "_" + digest.data();
}

table_place place_of(const route& r, const std::string& default_schema) {
  const auto dot = r.target.find('.');
  if (r.target == r.schema->name || dot == std::string::npos || dot == 0
      || dot + 1 == r.target.size())
    return {default_schema, fitting_name(r.target)};
  if (r.target == r.schema->qualified_name())
    return {fitting_name(r.schema->schema), fitting_name(r.schema->name)};
  return {fitting_name(r.target.substr(0, dot)), fitting_name(r.target.substr(dot + 1))};
}

const real_column* real_table::find(std::string_view name) const {
  const auto at =
      std::find_if(columns.begin(), columns.end(), [&](const auto& c) { return c.name == name; });
  return at == columns.end() ? nullptr : &*at;
}

std::optional<real_table> read_table(target_session& session, const table_place& place) {
  const std::vector<std::optional<std::string>> names{place.schema, place.name};
  const auto found = session.ask("SELECT c.oid, c.relkind, c.relpersistence <> 'u' FROM pg_class "
                                 "c JOIN pg_namespace n ON n.oid = "
                                 "c.relnamespace WHERE n.nspname = $1 AND c.relname = $2",
                                 names);
  if (found.rows() == 0) return std::nullopt;
  real_table table;
  const auto id = found.string(0, 0);
  table.kind = found.text(0, 1).front();
  table.logged = found.boolean(0, 2);

  const auto columns = session.ask(
      "WITH RECURSIVE base AS (SELECT a.attnum, a.atttypid AS type FROM pg_attribute a WHERE "
      "a.attrelid = $1::oid AND a.attnum > 0 AND NOT a.attisdropped UNION ALL SELECT b.attnum, "
      "t.typbasetype FROM base b JOIN pg_type t ON t.oid = b.type AND t.typtype = 'd') "
      "SELECT a.attname, format_type(a.atttypid, a.atttypmod), format_type(b.type, -1), NOT "
      "a.attnotnull, a.atthasdef OR a.attidentity <> '', a.attgenerated <> '' OR a.attidentity = "
      "'a' "
      "FROM pg_attribute a JOIN base b USING (attnum) JOIN pg_type t ON t.oid = b.type AND "
      "t.typtype "
      "<> 'd' WHERE a.attrelid = $1::oid ORDER BY a.attnum",
      {id});
  for (int i = 0; i < columns.rows(); ++i)
    table.columns.push_back({columns.string(i, 0), columns.string(i, 1), columns.string(i, 2),
                             columns.boolean(i, 3), columns.boolean(i, 4), columns.boolean(i, 5)});

  const auto keys = session.ask(
      "SELECT i.indexrelid, a.attname FROM pg_index i CROSS JOIN LATERAL unnest(i.indkey::int2[]) "
      "WITH "
      "ORDINALITY k(n, o) JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.n WHERE "
      "i.indrelid = $1::oid AND i.indisunique AND i.indimmediate AND i.indisvalid AND i.indpred IS "
      "NULL "
      "AND i.indexprs IS NULL AND k.o <= i.indnkeyatts ORDER BY i.indexrelid, a.attname COLLATE "
      "\"C\"",
      {id});
  std::map<std::string, std::vector<std::string>> by_index;
  for (int i = 0; i < keys.rows(); ++i) by_index[keys.string(i, 0)].push_back(keys.string(i, 1));
  for (auto& [index, names_of] : by_index) table.keys.push_back(std::move(names_of));
  return table;
}

std::vector<wanted_column> wanted_columns(const route& r, target_session* session) {
  const bool keyed = r.mode == route_mode::upsert;
  std::vector<wanted_column> wanted;
  for (std::size_t i = 0; i < r.columns.size(); ++i) {
    const bool in_key = std::find(r.key.begin(), r.key.end(), i) != r.key.end();
    wanted.push_back({r.columns[i].name,
                      type_at_target(r.source_column(i), session),
                      r.columns[i].source,
                      keyed && in_key,
                      {}});
  }
  if (keyed && r.removal == delete_mode::soft)
    wanted.push_back(own(deleted_column, "boolean", "NOT NULL DEFAULT false"));
  if (keyed) return wanted;
  wanted.push_back(own("_leat_op", "text", "NOT NULL"));
  wanted.push_back(own("_leat_lsn", "pg_lsn", "NOT NULL"));
  wanted.push_back(own("_leat_seq", "bigint", "NOT NULL"));
  wanted.push_back(own("_leat_time", "timestamp with time zone"));
  wanted.push_back(own("_leat_missing", "text[]"));
  return wanted;
}

std::string create_table_sql(const route& r, const table_place& place,
                             const std::vector<wanted_column>& columns) {
  std::string sql = "CREATE TABLE " + place.quoted() + " (\n";
  for (std::size_t i = 0; i < columns.size(); ++i)
    sql += (i == 0 ? "  " : ",\n  ") + definition_of(columns[i]);
  const bool keyed = r.mode == route_mode::upsert;
  if (keyed && !r.key.empty()) sql += ",\n  PRIMARY KEY (" + quoted_list(key_names(r)) + ")";
  sql += "\n)";
  // Rows of different chunks can have one H, so that only changes of the stream are told apart by
  // it.
  if (!keyed)
    sql += ";\nCREATE UNIQUE INDEX ON " + place.quoted()
           + " (_leat_lsn, _leat_seq) WHERE _leat_op <> 'r'";
  return sql;
}

bool holds(std::string_view real_type, std::string_view wanted) {
  if (real_type == wanted || real_type == "text") return true;
  const auto plain = without_modifier(wanted);
  if (real_type == "character varying") return plain == "character varying";
  if (real_type == "numeric")
    return plain == "numeric" || wanted == "smallint" || wanted == "integer" || wanted == "bigint";
  if (real_type == "bigint") return wanted == "smallint" || wanted == "integer";
  if (real_type == "integer") return wanted == "smallint";
  return false;
}

namespace {

std::optional<leat::error> column_misfit(const std::string& table, const real_table& real,
                                         const wanted_column& wanted, bool appending) {
  const auto alter = "ALTER TABLE " + table;
  const auto name = quote_identifier(wanted.name);
  const auto refused = [&](const std::string& what, const std::string& remedy) {
    return leat::error(error_kind::sink, what, table, remedy);
  };
  const auto* there = real.find(wanted.name);
  if (there == nullptr)
    return refused(
        "the target table has no column " + name,
        alter + " ADD COLUMN " + definition_of(wanted)
            + "; then `leat resnapshot` the source's table, for the rows that are there");
  if (there->computed)
    return refused("column " + name + " of the target table is generated and takes no values",
                   alter + " ALTER COLUMN " + name + " DROP EXPRESSION (or DROP IDENTITY)");
  if (!holds(there->type, wanted.type))
    return refused("column " + name + " of the target table is " + there->type
                       + ", the source's is " + wanted.type,
                   alter + " ALTER COLUMN " + name + " TYPE " + wanted.type + " USING " + name
                       + "::text::" + wanted.type);
  if (appending && wanted.source && !there->nullable)
    return refused("column " + name
                       + " of the target table is NOT NULL, but a delete brings only its key",
                   alter + " ALTER COLUMN " + name + " DROP NOT NULL");
  return std::nullopt;
}

} // namespace

std::optional<leat::error> misfit(const route& r, const table_place& place, const real_table& real,
                                  const std::vector<wanted_column>& wanted) {
  const auto table = place.quoted();
  const auto refused = [&](const std::string& what, const std::string& remedy) {
    return leat::error(error_kind::sink, what, table, remedy);
  };
  if (real.kind != 'r' && real.kind != 'p')
    return refused("the target is a view, sequence, index or foreign table, not a table",
                   "drop it, or name another target with `to`");
  if (!real.logged)
    return refused("the target table is UNLOGGED and would be empty after a crash",
                   "ALTER TABLE " + table + " SET LOGGED");
  for (const auto& column : wanted)
    if (auto problem = column_misfit(table, real, column, r.mode == route_mode::append))
      return problem;
  for (const auto& column : real.columns) {
    const bool ours = std::any_of(wanted.begin(), wanted.end(),
                                  [&](const auto& w) { return w.name == column.name; });
    if (!ours && !column.nullable && !column.has_default && !column.computed)
      return refused("the target table has a column " + quote_identifier(column.name)
                         + " that is NOT NULL and that the route does not write",
                     "ALTER TABLE " + table + " ALTER COLUMN " + quote_identifier(column.name)
                         + " DROP NOT NULL (or give it a default)");
  }
  if (r.mode == route_mode::append || r.key.empty()) return std::nullopt;
  auto key = key_names(r);
  const auto in_order = quoted_list(key);
  std::sort(key.begin(), key.end());
  if (std::find(real.keys.begin(), real.keys.end(), key) == real.keys.end())
    return refused("the target table has no primary key or unique index on (" + in_order + ")",
                   "ALTER TABLE " + table + " ADD PRIMARY KEY (" + in_order + ")");
  return std::nullopt;
}

} // namespace leat::postgres
