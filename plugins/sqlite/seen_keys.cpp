#include "plugins/sqlite/seen_keys.hpp"

#include <utility>

#include "plugins/sqlite/progress.hpp"
#include "plugins/sqlite/table.hpp"

namespace leat::sqlite {

seen_keys::seen_keys(database& db, const route& r)
    : db_(db), route_(r), side_(quote(seen_table(r.progress_name()))),
      collecting_(table_exists(db, seen_table(r.progress_name()))) {}

/// Its columns have names of their own, so that a renamed key changes nothing here.
void seen_keys::start() {
  insert_ = {};
  std::string columns;
  std::string names;
  int count = 0;
  for (const auto k : route_.key) {
    const auto name = "k" + std::to_string(++count);
    columns += name + " " + std::string(type_name(storage_of(route_.source_column(k).kind)))
               + " NOT NULL, ";
    names += (names.empty() ? "" : ", ") + name;
  }
  db_.execute("DROP TABLE IF EXISTS " + side_);
  db_.execute("CREATE TABLE " + side_ + " (" + columns + "PRIMARY KEY (" + names
              + ")) WITHOUT ROWID");
  collecting_ = true;
}

void seen_keys::prepare_insert() {
  std::string places;
  for (const auto k : route_.key) places += (places.empty() ? "?" : ", ?") + std::to_string(k + 1);
  insert_ = db_.prepare("INSERT OR IGNORE INTO " + side_ + " VALUES (" + places + ")");
}

void seen_keys::remove_unseen() {
  if (!collecting_) return;
  const auto table = quote(route_.target);
  std::string same;
  const auto kept = found_columns(db_, seen_table(route_.progress_name())); // by place
  for (std::size_t i = 0; i < route_.key.size(); ++i)
    same += (same.empty() ? "" : " AND ") + ("seen." + quote(kept.at(i).name)) + " = " + table + "."
            + quote(route_.columns[route_.key[i]].name);
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

void seen_keys::use(const route& after) {
  insert_ = {};
  route_ = after;
}

} // namespace leat::sqlite
