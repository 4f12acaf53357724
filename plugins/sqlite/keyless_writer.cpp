#include <algorithm>
#include <string>
#include <vector>

#include "plugins/sqlite/table_writer.hpp"

namespace leat::sqlite {

namespace {

/// A table without key (REPLICA IDENTITY FULL): changes go in as they come, each update and delete
/// to exactly one row that equals the old one in all columns.
///
/// While a snapshot runs, rows up to record_.boundary are those from before it; they stay readable
/// until it is finished, and no change touches them (its changes follow its rows, R5.7).
class keyless_writer final : public table_writer {
 public:
  using table_writer::table_writer;

  void write(const batch_ptr& rows, std::span<const std::uint32_t> changes) override {
    if (changes.empty()) return;
    begin_writing();
    if (!insert_) prepare_statements();
    for (const auto i : changes) put(*rows, rows->changes[i]);
  }

  std::size_t buffered() const override { return 0; }
  void flush() override {}

  void begin_snapshot(std::uint32_t generation) override { note_begun(generation); }

  void finish_snapshot(std::uint32_t generation) override {
    if (!note_finished(generation)) return;
    if (record_.boundary) drop_older(*record_.boundary);
    record_.boundary.reset();
    save_record();
  }

  /// What is under way here is an earlier generation, which a crash cut short: the one that is
  /// given up has brought no row.
  void give_up_snapshot(std::uint32_t) override {
    const auto under_way = record_.snapshot;
    if (under_way == 0) return;
    note_finished(under_way);
    if (record_.boundary) drop_newer(*record_.boundary);
    record_.boundary.reset();
    save_record();
  }

 private:
  bool soft() const { return route_->removal == delete_mode::soft; }

  void forget_statements() override {
    insert_ = {};
    update_ = {};
    remove_ = {};
  }

  /// What an earlier snapshot that did not end has brought goes away.
  void write_begun() override {
    if (record_.boundary)
      drop_newer(*record_.boundary);
    else
      record_.boundary =
          session_.db.number("SELECT max(" + rowid() + ") FROM " + quote(route_->target));
  }

  /// Rowids begin again at 1.
  void made_again() override {
    if (record_.boundary) record_.boundary = 0;
  }

  void drop_newer(std::int64_t boundary) {
    session_.db.execute("DELETE FROM " + quote(route_->target) + " WHERE " + rowid() + " > "
                        + std::to_string(boundary));
  }

  /// The one of SQLite's names for the row number that no column has taken.
  std::string rowid() const {
    const auto columns = found_columns(session_.db, route_->target);
    for (const auto* name : {"rowid", "_rowid_", "oid"})
      if (std::none_of(columns.begin(), columns.end(),
                       [&](const auto& c) { return same_name(c.name, name); }))
        return name;
    throw error(error_kind::sink, "columns have all of SQLite's names for the row number",
                place_of(session_.db, *route_),
                "leave one of the columns rowid, _rowid_ and oid out with `exclude`");
  }

  void drop_older(std::int64_t boundary) {
    const auto table = quote(route_->target);
    const auto older = " WHERE " + rowid() + " <= " + std::to_string(boundary);
    if (route_->removal == delete_mode::hard) session_.db.execute("DELETE FROM " + table + older);
    if (soft())
      session_.db.execute("UPDATE " + table + " SET _leat_deleted = 1" + older
                          + " AND _leat_deleted = 0");
  }

  void prepare_statements() {
    const auto table = quote(route_->target);
    const auto width = route_->columns.size();
    std::string names;
    std::string places;
    std::string sets;
    std::string equal;
    for (std::size_t i = 0; i < width; ++i) {
      const auto name = quote(route_->columns[i].name);
      const std::string comma = i == 0 ? "" : ", ";
      names += comma + name;
      places += comma + "?" + std::to_string(i + 1);
      sets += comma + name + " = ?" + std::to_string(width + i + 1);
      equal += (i == 0 ? "" : " AND ") + name + " IS ?" + std::to_string(i + 1);
    }
    if (soft()) equal += " AND _leat_deleted = 0";
    const auto number = rowid();
    if (record_.boundary) equal += " AND " + number + " > " + std::to_string(*record_.boundary);
    const auto one = " WHERE " + number + " = (SELECT " + number + " FROM " + table + " WHERE "
                     + equal + " LIMIT 1)";
    auto& db = session_.db;
    insert_ = db.prepare("INSERT INTO " + table + " (" + names + ") VALUES (" + places + ")");
    update_ = db.prepare("UPDATE " + table + " SET " + sets + one);
    remove_ = db.prepare(soft() ? "UPDATE " + table + " SET _leat_deleted = 1" + one
                                : "DELETE FROM " + table + one);
  }

  void put(const batch& rows, const change& c) {
    switch (c.kind) {
    case change_kind::insert:
    case change_kind::read:
      return insert(rows, c);
    case change_kind::update:
      return update(rows, c);
    case change_kind::remove:
      return remove(rows, c);
    case change_kind::truncate:
      return truncate();
    }
  }

  void insert(const batch& rows, const change& c) {
    bind_new(insert_, 0, rows, c);
    insert_.run();
  }

  void update(const batch& rows, const change& c) {
    bind_old(update_, rows, c);
    bind_new(update_, route_->columns.size(), rows, c);
    update_.run();
    if (session_.db.changes() > 0) return;
    if (record_.snapshot == 0) not_found(rows, c);
    insert(rows, c);
  }

  void remove(const batch& rows, const change& c) {
    if (route_->removal == delete_mode::ignore) return;
    bind_old(remove_, rows, c);
    remove_.run();
    if (session_.db.changes() == 0 && record_.snapshot == 0) not_found(rows, c);
  }

  void truncate() {
    if (route_->removal == delete_mode::ignore) return;
    const auto table = quote(route_->target);
    session_.db.execute(soft()
                            ? "UPDATE " + table + " SET _leat_deleted = 1 WHERE _leat_deleted = 0"
                            : "DELETE FROM " + table);
    // Rowids begin again at 1 in an empty table.
    if (!record_.boundary || soft()) return;
    record_.boundary = 0;
    save_record();
    forget_statements();
    prepare_statements();
  }

  void bind_old(statement& s, const batch& rows, const change& c) {
    const auto cells = rows.old_row(c);
    if (c.old_kind != old_row_kind::full || cells.empty()) incomplete(rows, c);
    for (std::size_t i = 0; i < route_->columns.size(); ++i)
      bind(s, static_cast<int>(i) + 1, i, rows, c, cells[route_->columns[i].source]);
  }

  void bind_new(statement& s, std::size_t before, const batch& rows, const change& c) {
    const auto fresh = rows.new_row(c);
    const auto old = rows.old_row(c);
    for (std::size_t i = 0; i < route_->columns.size(); ++i) {
      const auto source = route_->columns[i].source;
      const bool kept = !came(fresh[source].state()) && !old.empty();
      bind(s, static_cast<int>(before + i) + 1, i, rows, c, kept ? old[source] : fresh[source]);
    }
  }

  void bind(statement& s, int parameter, std::size_t column, const batch& rows, const change& c,
            cell value) {
    if (!came(value.state())) incomplete(rows, c);
    bind_cell(s, parameter, column, value.state(), rows.text(value), [&] {
      return to_string(rows.transaction_of(c).commit) + "/" + std::to_string(c.index);
    });
  }

  [[noreturn]] void incomplete(const batch& rows, const change& c) const {
    throw error(error_kind::sink,
                "a change came without its whole old row, and the table has no key, at "
                    + to_string(rows.transaction_of(c).commit) + "/" + std::to_string(c.index),
                place_of(session_.db, *route_),
                "run ALTER TABLE " + route_->schema->qualified_name()
                    + " REPLICA IDENTITY FULL at the source, then `leat resnapshot`");
  }

  [[noreturn]] void not_found(const batch& rows, const change& c) const {
    throw error(error_kind::sink,
                "the row that a change at " + to_string(rows.transaction_of(c).commit) + "/"
                    + std::to_string(c.index) + " names is not in the table",
                place_of(session_.db, *route_),
                "somebody else has changed the table: run `leat resnapshot`");
  }

  statement insert_;
  statement update_;
  statement remove_;
};

} // namespace

std::unique_ptr<table_writer> make_keyless_writer(session& s, const route_ptr& r) {
  return std::make_unique<keyless_writer>(s, r);
}

} // namespace leat::sqlite
