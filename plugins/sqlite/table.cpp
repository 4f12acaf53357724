#include "plugins/sqlite/table.hpp"

#include <algorithm>
#include <cctype>
#include <set>

#include <fmt/format.h>

namespace leat::sqlite {

namespace {

std::string lower(std::string_view name) {
  std::string out(name);
  for (auto& c : out)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return out;
}

std::string declaration(const wanted_column& c, bool integer_key) {
  auto text = fmt::format("{} {}", quote(c.name), type_name(c.kind));
  if (integer_key) return text + " PRIMARY KEY NOT NULL";
  if (c.name == "_leat_deleted" && c.leat_own) return text + " NOT NULL DEFAULT 0";
  if (c.key) text += " NOT NULL";
  return text;
}

std::string key_list(const route& r) {
  std::string list;
  for (const auto k : r.key) list += (list.empty() ? "" : ", ") + quote(r.columns[k].name);
  return list;
}

/// "How is a value of this storage kept unchanged": SQLite's rules of type affinity.
bool keeps(std::string_view declared, storage kind) {
  const auto type = lower(declared);
  const auto has = [&](std::string_view part) { return type.find(part) != std::string::npos; };
  const bool none = type.empty() || has("blob");
  if (has("int")) return kind == storage::integer || kind == storage::boolean;
  if (has("char") || has("clob") || has("text")) return kind == storage::text;
  if (none) return true;
  if (has("real") || has("floa") || has("doub")) return kind == storage::real;
  return kind == storage::integer || kind == storage::boolean; // NUMERIC
}

error unfit(const database& db, const route& r, std::string what) {
  return {
      error_kind::sink, "table \"" + r.target + "\" does not fit the route: " + what,
      place_of(db, r),
      "rename or drop the table, or send the route to another one with `to`; leat makes it as:\n"
          + create_statement(r)};
}

bool unique_over(const database& db, const route& r, std::string_view index) {
  std::set<std::string> wanted;
  for (const auto k : r.key) wanted.insert(lower(r.columns[k].name));
  auto columns = db.prepare("SELECT name, coll FROM pragma_index_xinfo(?1) WHERE key = 1");
  columns.bind(1, index);
  std::set<std::string> found;
  while (columns.step()) {
    if (columns.text(1) != "BINARY") return false;
    found.insert(lower(columns.text(0)));
  }
  return found == wanted;
}

bool key_is_unique(const database& db, const route& r, const std::vector<found_column>& columns) {
  const auto is_key = [](const auto& c) { return c.key_place > 0; };
  if (r.key.size() == 1 && std::count_if(columns.begin(), columns.end(), is_key) == 1) {
    const auto& one = *std::find_if(columns.begin(), columns.end(), is_key);
    if (same_name(one.name, r.columns[r.key[0]].name) && lower(one.type) == "integer") return true;
  }
  auto indexes =
      db.prepare("SELECT name FROM pragma_index_list(?1) WHERE \"unique\" = 1 AND partial = 0");
  indexes.bind(1, r.target);
  while (indexes.step())
    if (unique_over(db, r, indexes.string(0))) return true;
  return false;
}

} // namespace

bool same_name(std::string_view a, std::string_view b) { return lower(a) == lower(b); }

std::string place_of(const database& db, const route& r) {
  return db.path().string() + ", table \"" + r.target + "\"";
}

std::vector<wanted_column> wanted_columns(const route& r) {
  std::vector<wanted_column> columns;
  for (std::size_t i = 0; i < r.columns.size(); ++i) {
    const bool key =
        r.mode == route_mode::upsert && std::find(r.key.begin(), r.key.end(), i) != r.key.end();
    columns.push_back({r.columns[i].name, storage_of(r.source_column(i).kind), key, false});
  }
  const auto own = [&](const char* name, storage kind, bool key = false) {
    columns.push_back({name, kind, key, true});
  };
  if (r.mode == route_mode::append) {
    own("_leat_op", storage::text, true);
    own("_leat_lsn", storage::text, true);
    own("_leat_seq", storage::integer, true);
    own("_leat_time", storage::text);
    own("_leat_missing", storage::text);
  } else if (r.removal == delete_mode::soft) {
    own("_leat_deleted", storage::boolean);
  }
  return columns;
}

std::string create_statement(const route& r) { return create_statement(r, r.target); }

std::string create_statement(const route& r, std::string_view name) {
  const auto columns = wanted_columns(r);
  std::set<std::string> seen;
  for (const auto& c : columns)
    if (!seen.insert(lower(c.name)).second)
      throw error(error_kind::sink,
                  "SQLite cannot hold two columns named \"" + c.name
                      + "\": it does not tell upper from lower case",
                  "table \"" + r.target + "\"", "leave one of them out with `exclude`");
  const bool integer_key = r.mode == route_mode::upsert && r.key.size() == 1
                           && type_name(columns[r.key[0]].kind) == "INTEGER";
  std::string text = "CREATE TABLE " + quote(name) + " (";
  for (const auto& c : columns)
    text += (text.back() == '(' ? "\n  " : ",\n  ") + declaration(c, integer_key && c.key);
  if (r.mode == route_mode::append)
    return text + ",\n  PRIMARY KEY (_leat_lsn, _leat_seq, _leat_op)\n)";
  if (!integer_key && !r.key.empty()) text += ",\n  PRIMARY KEY (" + key_list(r) + ")";
  return text + "\n)";
}

std::vector<found_column> found_columns(const database& db, std::string_view table) {
  auto query =
      db.prepare("SELECT name, type, \"notnull\", dflt_value, pk FROM pragma_table_info(?1)");
  query.bind(1, table);
  std::vector<found_column> columns;
  while (query.step())
    columns.push_back({query.string(0), query.string(1), query.number(2) != 0, !query.is_null(3),
                       static_cast<int>(query.number(4))});
  return columns;
}

bool table_exists(const database& db, std::string_view table) {
  return !found_columns(db, table).empty();
}

bool has_rows(const database& db, std::string_view table) {
  return db.number("SELECT EXISTS (SELECT 1 FROM " + quote(table) + ")") != 0;
}

std::optional<error> misfit(const database& db, const route& r) {
  auto kind = db.prepare("SELECT type FROM sqlite_schema WHERE name = ?1 COLLATE NOCASE AND "
                         "type IN ('table', 'view')");
  kind.bind(1, r.target);
  if (kind.step() && kind.text(0) != "table") return unfit(db, r, "it is a view");
  kind.reset();
  const auto found = found_columns(db, r.target);
  const auto wanted = wanted_columns(r);
  for (const auto& want : wanted) {
    const auto have = std::find_if(found.begin(), found.end(),
                                   [&](const auto& f) { return same_name(f.name, want.name); });
    if (have == found.end())
      return unfit(db, r,
                   fmt::format("it has no column \"{}\" {}", want.name, type_name(want.kind)));
    if (!keeps(have->type, want.kind))
      return unfit(db, r,
                   fmt::format("column \"{}\" is {}, wanted is {}", want.name,
                               have->type.empty() ? "without type" : have->type,
                               type_name(want.kind)));
    if (r.mode == route_mode::append && have->not_null && !want.leat_own)
      return unfit(db, r, fmt::format("column \"{}\" is NOT NULL, wanted is nullable", want.name));
  }
  for (const auto& have : found) {
    const bool ours = std::any_of(wanted.begin(), wanted.end(),
                                  [&](const auto& w) { return same_name(w.name, have.name); });
    if (!ours && have.not_null && !have.has_default)
      return unfit(db, r,
                   fmt::format("it has a column \"{}\" NOT NULL without default, which leat "
                               "would not fill",
                               have.name));
  }
  if (r.mode == route_mode::upsert && !r.key.empty() && !key_is_unique(db, r, found))
    return unfit(db, r, "it has no PRIMARY KEY or UNIQUE index on (" + key_list(r) + ")");
  return std::nullopt;
}

std::string own_rows(const route& r) {
  std::string condition;
  for (const auto& [column, text] : r.own_rows) {
    std::string literal = "'";
    for (const char c : text) literal += c == '\'' ? std::string("''") : std::string(1, c);
    condition += (condition.empty() ? "" : " AND ") + quote(column) + " = " + literal + "'";
  }
  return condition;
}

} // namespace leat::sqlite
