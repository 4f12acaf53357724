#include "plugins/postgres/target_statements.hpp"

#include <algorithm>

namespace leat::postgres {

namespace {

std::string number(std::size_t n) { return std::to_string(n); }

/// Appends with a separator before every item but the first.
void join(std::string& list, std::string_view separator, std::string_view item) {
  if (!list.empty()) list += separator;
  list += item;
}

/// "(SELECT unnest($1::text[]) AS c1, ...) AS u". In the select list the arrays are read in step,
/// row by row; in FROM each would be written to a tuplestore first.
std::string rows_of(std::size_t count) {
  std::string elements;
  for (std::size_t i = 1; i <= count; ++i)
    join(elements, ", ", "unnest($" + number(i) + "::text[]) AS c" + number(i));
  return "(SELECT " + elements + ") AS u";
}

/// The n-th array's element as a value of the column.
std::string value(const written_column& c, std::size_t n) {
  const auto element = "u.c" + number(n);
  return c.cast == "text" ? element : element + "::" + c.cast;
}

std::string truth(std::size_t n) { return "u.c" + number(n) + "::boolean"; }

std::string quoted_deleted() { return quote_identifier(deleted_column); }

/// "t.a = u.c1 AND ...", the key's arrays beginning at `first`. A soft-deleted row is none.
std::string key_matches(const table_shape& t, std::size_t first) {
  std::string condition;
  for (const auto i : t.key) {
    const auto& c = t.columns[i];
    join(condition, " AND ", "t." + c.name + " = " + value(c, first++));
  }
  return condition;
}

std::string alive(const table_shape& t, std::string_view alias) {
  return t.soft ? " AND NOT " + std::string(alias) + "." + quoted_deleted() : "";
}

std::string key_list(const table_shape& t, std::string_view prefix = {}) {
  std::string list;
  for (const auto i : t.key) join(list, ", ", std::string(prefix) + t.columns[i].name);
  return list;
}

std::string column_list(const table_shape& t) {
  std::string list;
  for (const auto& c : t.columns) join(list, ", ", c.name);
  return list;
}

/// Types that have an `=` can use an index; the texts decide, because 1.0 = 1.00. format() prints
/// as the source does; a cast to text does not for boolean, character and inet.
std::string one_row(const table_shape& t, const std::vector<bool>& nulls) {
  std::string condition;
  std::size_t parameter = 1;
  for (std::size_t i = 0; i < t.columns.size(); ++i) {
    const auto& c = t.columns[i];
    if (nulls[i]) {
      join(condition, " AND ", "t." + c.name + " IS NULL");
      continue;
    }
    const auto given = "$" + number(parameter++) + "::text";
    if (c.comparable) join(condition, " AND ", "t." + c.name + " = " + given + "::" + c.cast);
    join(condition, " AND ", "format('%s', t." + c.name + ") = " + given);
  }
  return "t.ctid = (SELECT t.ctid FROM " + t.table + " t WHERE " + condition + alive(t, "t")
         + " LIMIT 1)";
}

} // namespace

table_shape shape_of(const route& r, const table_place& place, const real_table& real) {
  table_shape shape;
  shape.table = place.quoted();
  shape.soft = r.mode == route_mode::upsert && r.removal == delete_mode::soft;
  for (const auto& c : r.columns) {
    const auto* there = real.find(c.name);
    const auto& kind = r.schema->columns[c.source].kind;
    const bool comparable =
        kind != value_class::json && kind != value_class::other && kind != value_class::array;
    shape.columns.push_back(
        {quote_identifier(c.name), there == nullptr ? "text" : there->cast, c.source, comparable});
  }
  shape.key.assign(r.key.begin(), r.key.end());
  shape.own = own_rows_sql(r, "t");
  return shape;
}

std::string own_rows_sql(const route& r, const std::string& alias) {
  std::string condition;
  for (const auto& [column, text] : r.own_rows)
    join(condition, " AND ", alias + "." + quote_identifier(column) + " = " + quote_literal(text));
  return condition;
}

std::string upsert_sql(const table_shape& t) {
  std::string values, updates;
  for (std::size_t i = 0; i < t.columns.size(); ++i) {
    join(values, ", ", value(t.columns[i], i + 1));
    if (std::find(t.key.begin(), t.key.end(), i) == t.key.end())
      join(updates, ", ", t.columns[i].name + " = excluded." + t.columns[i].name);
  }
  auto names = column_list(t);
  if (t.soft) {
    join(names, ", ", quoted_deleted());
    join(values, ", ", truth(t.columns.size() + 1));
    join(updates, ", ", quoted_deleted() + " = excluded." + quoted_deleted());
  }
  return "INSERT INTO " + t.table + " AS t (" + names + ") SELECT " + values + " FROM "
         + rows_of(t.columns.size() + (t.soft ? 1 : 0)) + " ON CONFLICT (" + key_list(t) + ") DO "
         + (updates.empty() ? "NOTHING" : "UPDATE SET " + updates);
}

std::string remove_sql(const table_shape& t) {
  const auto rows = rows_of(t.key.size());
  const auto where = " WHERE " + key_matches(t, 1) + alive(t, "t");
  if (t.soft)
    return "UPDATE " + t.table + " AS t SET " + quoted_deleted() + " = true FROM " + rows + where;
  return "DELETE FROM " + t.table + " AS t USING " + rows + where;
}

std::string update_sql(const table_shape& t, const std::vector<std::size_t>& columns) {
  std::string sets;
  auto parameter = 2 + t.key.size();
  for (const auto i : columns) {
    const auto& c = t.columns[i];
    join(sets, ", ", c.name + " = " + value(c, parameter++));
  }
  if (t.soft) join(sets, ", ", quoted_deleted() + " = " + truth(parameter++));
  // Nothing to set, but the row has to be found all the same.
  if (sets.empty()) {
    const auto& key = t.columns[t.key.front()].name;
    sets = key + " = t." + key;
  }
  return "UPDATE " + t.table + " AS t SET " + sets + " FROM " + rows_of(parameter - 1) + " WHERE "
         + key_matches(t, 2) + alive(t, "t") + " RETURNING u.c1";
}

std::string read_sql(const table_shape& t) {
  std::string texts = "u.c1";
  for (const auto& c : t.columns) join(texts, ", ", "t." + c.name);
  return "SELECT " + texts + " FROM " + rows_of(1 + t.key.size()) + " JOIN " + t.table + " AS t ON "
         + key_matches(t, 2) + alive(t, "t");
}

std::string remove_all_sql(const table_shape& t) {
  // TRUNCATE would lock readers out, and show an empty table to snapshots taken before it.
  if (t.soft)
    return "UPDATE " + t.table + " AS t SET " + quoted_deleted() + " = true WHERE NOT t."
           + quoted_deleted() + (t.own.empty() ? "" : " AND " + t.own);
  return "DELETE FROM " + t.table + " AS t" + (t.own.empty() ? "" : " WHERE " + t.own);
}

std::string copy_sql(const table_shape& t) {
  return "COPY " + t.table + " (" + column_list(t) + ") FROM STDIN";
}

std::string remove_one_sql(const table_shape& t, const std::vector<bool>& nulls) {
  if (t.soft)
    return "UPDATE " + t.table + " AS t SET " + quoted_deleted() + " = true WHERE "
           + one_row(t, nulls);
  return "DELETE FROM " + t.table + " AS t WHERE " + one_row(t, nulls);
}

std::string update_one_sql(const table_shape& t, const std::vector<bool>& nulls) {
  auto parameter = 1 + static_cast<std::size_t>(std::count(nulls.begin(), nulls.end(), false));
  std::string sets;
  for (const auto& c : t.columns)
    join(sets, ", ", c.name + " = $" + number(parameter++) + "::text::" + c.cast);
  return "UPDATE " + t.table + " AS t SET " + sets + " WHERE " + one_row(t, nulls);
}

std::string make_seen_sql(const table_shape& t, const std::string& seen) {
  return "DROP TABLE IF EXISTS " + seen + "; CREATE TABLE " + seen + " AS SELECT " + key_list(t)
         + " FROM " + t.table + " WITH NO DATA; ALTER TABLE " + seen + " ADD PRIMARY KEY ("
         + key_list(t) + ")";
}

std::string seen_types_sql(const route& r, const table_shape& t, const std::string& seen) {
  std::string names;
  for (const auto k : r.key) join(names, ", ", quote_literal(r.columns[k].name));
  return "SELECT quote_ident(s.attname), format_type(t.atttypid, t.atttypmod) FROM unnest(ARRAY["
         + names + "]) WITH ORDINALITY AS k (name, place) JOIN pg_attribute t ON t.attrelid = "
         + quote_literal(t.table) + "::regclass AND t.attname = k.name JOIN pg_attribute s ON "
         + "s.attrelid = " + quote_literal(seen) + "::regclass AND s.attnum = k.place WHERE "
         + "(s.atttypid, s.atttypmod) <> (t.atttypid, t.atttypmod)";
}

std::string add_seen_sql(const table_shape& t, const std::string& seen) {
  std::string values;
  for (std::size_t i = 0; i < t.key.size(); ++i)
    join(values, ", ", value(t.columns[t.key[i]], i + 1));
  return "INSERT INTO " + seen + " SELECT " + values + " FROM " + rows_of(t.key.size())
         + " ON CONFLICT DO NOTHING";
}

std::string remove_unseen_sql(const table_shape& t, const std::string& seen) {
  // The key may have had other names when the side table was made.
  std::string same, names;
  for (std::size_t i = 0; i < t.key.size(); ++i) {
    join(names, ", ", "k" + number(i + 1));
    join(same, " AND ", "s.k" + number(i + 1) + " = t." + t.columns[t.key[i]].name);
  }
  const auto where = " WHERE NOT EXISTS (SELECT FROM " + seen + " AS s (" + names + ") WHERE "
                     + same + ")" + alive(t, "t") + (t.own.empty() ? "" : " AND " + t.own);
  if (t.soft) return "UPDATE " + t.table + " AS t SET " + quoted_deleted() + " = true" + where;
  return "DELETE FROM " + t.table + " AS t" + where;
}

std::string make_fresh_sql(const table_shape& t, const std::string& fresh) {
  return "DROP TABLE IF EXISTS " + fresh + "; CREATE TABLE " + fresh + " (LIKE " + t.table
         + " INCLUDING DEFAULTS INCLUDING GENERATED INCLUDING IDENTITY)";
}

std::string take_fresh_sql(const table_shape& t, const std::string& fresh) {
  auto names = column_list(t);
  if (t.soft) join(names, ", ", quoted_deleted());
  return "INSERT INTO " + t.table + " (" + names + ") SELECT " + names + " FROM " + fresh
         + "; DROP TABLE " + fresh;
}

} // namespace leat::postgres
