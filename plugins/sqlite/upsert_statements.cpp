#include "plugins/sqlite/upsert_statements.hpp"

#include <algorithm>

namespace leat::sqlite {

namespace {

/// Sets of columns that come together are few; a table where they are not must not fill memory.
constexpr std::size_t most_cached = 64;

constexpr auto* kept = "temp.leat_moved";

std::string place(std::size_t column) { return "?" + std::to_string(column + 1); }

void join(std::string& list, std::string_view separator, std::string_view part) {
  if (!list.empty()) list += separator;
  list += part;
}

} // namespace

upsert_statements::upsert_statements(const database& db, const route& r)
    : db_(db), route_(r), width_(r.columns.size()), table_("main." + quote(r.target)) {}

std::string upsert_statements::name(std::size_t column) const {
  return quote(route_.columns[column].name);
}

bool upsert_statements::is_key(std::size_t column) const {
  return std::find(route_.key.begin(), route_.key.end(), column) != route_.key.end();
}

std::string upsert_statements::key_equals() const {
  std::string list;
  for (const auto k : route_.key) join(list, " AND ", name(k) + " = " + place(k));
  return list;
}

std::string upsert_statements::column_names() const {
  std::string list;
  for (std::size_t i = 0; i < width_; ++i) join(list, ", ", name(i));
  return soft() ? list + ", _leat_deleted" : list;
}

std::string upsert_statements::conflict_clause() const {
  std::string key;
  for (const auto k : route_.key) join(key, ", ", name(k));
  std::string sets;
  for (std::size_t i = 0; i < width_; ++i)
    if (!is_key(i)) join(sets, ", ", name(i) + " = excluded." + name(i));
  if (soft()) join(sets, ", ", "_leat_deleted = excluded._leat_deleted");
  if (sets.empty()) return " ON CONFLICT (" + key + ") DO NOTHING";
  return " ON CONFLICT (" + key + ") DO UPDATE SET " + sets;
}

statement& upsert_statements::upsert() {
  if (upsert_) return upsert_;
  std::string values;
  for (std::size_t i = 0; i < width_; ++i) join(values, ", ", place(i));
  if (soft()) values += ", ?" + std::to_string(deleted_parameter());
  upsert_ = db_.prepare("INSERT INTO " + table_ + " (" + column_names() + ") VALUES (" + values
                        + ")" + conflict_clause());
  return upsert_;
}

statement& upsert_statements::remove() {
  if (remove_) return remove_;
  remove_ = db_.prepare(soft() ? "UPDATE " + table_ + " SET _leat_deleted = 1 WHERE " + key_equals()
                               : "DELETE FROM " + table_ + " WHERE " + key_equals());
  return remove_;
}

statement& upsert_statements::partial(const column_set& came, bool deleted) {
  std::string sets;
  for (std::size_t i = 0; i < width_; ++i)
    if (came[i] == '1' && !is_key(i)) join(sets, ", ", name(i) + " = " + place(i));
  if (soft()) join(sets, ", ", "_leat_deleted = ?" + std::to_string(deleted_parameter()));
  // Nothing to set still has to tell whether the row is there.
  if (sets.empty()) sets = name(route_.key[0]) + " = " + name(route_.key[0]);
  const bool any = !soft() || deleted;
  return cached(partial_, any ? came : came + " alive",
                "UPDATE " + table_ + " SET " + sets + " WHERE " + key_equals()
                    + (any ? "" : " AND _leat_deleted = 0"));
}

statement& upsert_statements::keep_moved() {
  if (keep_moved_) return keep_moved_;
  std::string columns;
  std::string definition = "n INTEGER PRIMARY KEY";
  for (std::size_t i = 0; i < width_; ++i) {
    join(columns, ", ", name(i));
    definition += ", c" + std::to_string(i);
  }
  db_.prepare("CREATE TEMP TABLE IF NOT EXISTS leat_moved (" + definition + ")").run();
  keep_moved_ = db_.prepare("INSERT INTO " + std::string(kept) + " SELECT ?"
                            + std::to_string(moved_parameter()) + ", " + columns + " FROM " + table_
                            + " WHERE " + key_equals() + (soft() ? " AND _leat_deleted = 0" : ""));
  return keep_moved_;
}

statement& upsert_statements::upsert_moved(const column_set& came) {
  std::string values;
  for (std::size_t i = 0; i < width_; ++i)
    join(values, ", ", came[i] == '1' ? place(i) : "c" + std::to_string(i));
  if (soft()) values += ", ?" + std::to_string(deleted_parameter());
  return cached(moved_, came,
                "INSERT INTO " + table_ + " (" + column_names() + ") SELECT " + values + " FROM "
                    + kept + " WHERE n = ?" + std::to_string(moved_parameter())
                    + conflict_clause());
}

void upsert_statements::forget_moved() {
  keep_moved_ = {};
  moved_.clear();
  db_.prepare("DROP TABLE IF EXISTS " + std::string(kept)).run();
}

statement& upsert_statements::cached(std::unordered_map<column_set, statement>& cache,
                                     const column_set& came, const std::string& sql) {
  const auto found = cache.find(came);
  if (found != cache.end()) return found->second;
  if (cache.size() >= most_cached) cache.clear();
  return cache.emplace(came, db_.prepare(sql)).first->second;
}

} // namespace leat::sqlite
