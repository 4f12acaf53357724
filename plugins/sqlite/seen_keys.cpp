#include "plugins/sqlite/seen_keys.hpp"

#include <utility>

#include "plugins/sqlite/progress.hpp"
#include "plugins/sqlite/table.hpp"

namespace leat::sqlite {

seen_keys::seen_keys(database& db, const route& r)
    : db_(db), route_(r), side_(quote(seen_table(r.progress_name()))),
      collecting_(table_exists(db, seen_table(r.progress_name()))) {}

std::string seen_keys::key_columns(const std::string& before) const {
  std::string list;
  for (const auto k : route_.key)
    list += (list.empty() ? "" : ", ") + before + quote(route_.columns[k].name);
  return list;
}

void seen_keys::start() {
  insert_ = {};
  std::string columns;
  for (const auto k : route_.key)
    columns += quote(route_.columns[k].name) + " "
               + std::string(type_name(storage_of(route_.source_column(k).kind))) + " NOT NULL, ";
  db_.execute("DROP TABLE IF EXISTS " + side_);
  db_.execute("CREATE TABLE " + side_ + " (" + columns + "PRIMARY KEY (" + key_columns("")
              + ")) WITHOUT ROWID");
  collecting_ = true;
}

void seen_keys::prepare_insert() {
  std::string places;
  for (const auto k : route_.key) places += (places.empty() ? "?" : ", ?") + std::to_string(k + 1);
  insert_ = db_.prepare("INSERT OR IGNORE INTO " + side_ + " (" + key_columns("") + ") VALUES ("
                        + places + ")");
}

void seen_keys::remove_unseen() {
  if (!collecting_) return;
  const auto table = quote(route_.target);
  std::string same;
  for (const auto k : route_.key) {
    const auto name = quote(route_.columns[k].name);
    same += (same.empty() ? "" : " AND ") + ("seen." + name) + " = " + table + "." + name;
  }
  const auto own = own_rows(route_);
  const auto unseen = " WHERE NOT EXISTS (SELECT 1 FROM " + side_ + " AS seen WHERE " + same + ")"
                      + (own.empty() ? "" : " AND " + own);
  if (route_.removal == delete_mode::hard) db_.execute("DELETE FROM " + table + unseen);
  if (route_.removal == delete_mode::soft)
    db_.execute("UPDATE " + table + " SET _leat_deleted = 1" + unseen + " AND _leat_deleted = 0");
}

void seen_keys::drop() {
  if (!std::exchange(collecting_, false)) return;
  insert_ = {};
  db_.execute("DROP TABLE " + side_);
}

/// A new version may have renamed key columns; the side table keeps the names and the keys.
void seen_keys::use(const route& after) {
  insert_ = {};
  if (collecting_)
    for (std::size_t i = 0; i < after.key.size() && i < route_.key.size(); ++i) {
      const auto& from = route_.columns[route_.key[i]].name;
      const auto& to = after.columns[after.key[i]].name;
      if (from != to)
        db_.execute("ALTER TABLE " + side_ + " RENAME COLUMN " + quote(from) + " TO " + quote(to));
    }
  route_ = after;
}

} // namespace leat::sqlite
