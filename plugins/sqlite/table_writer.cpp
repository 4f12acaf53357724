#include "plugins/sqlite/table_writer.hpp"

#include <algorithm>
#include <utility>

#include "dataflow/table_columns.hpp"
#include "dataflow/taken_table.hpp"
#include "plugins/sqlite/evolve.hpp"

namespace leat::sqlite {

namespace {

constexpr std::size_t shown_of_a_value = 60;

/// A transaction of its own, unless one is open.
class small_transaction {
 public:
  explicit small_transaction(database& db) : db_(db), own_(!db.in_transaction()) {
    if (own_) db_.execute("BEGIN IMMEDIATE");
  }
  ~small_transaction() {
    if (!own_ || !db_.in_transaction()) return;
    try {
      db_.execute("ROLLBACK");
    } catch (const error&) {
      // The error that is on its way says more; closing the file rolls back as well.
    }
  }
  small_transaction(const small_transaction&) = delete;
  small_transaction& operator=(const small_transaction&) = delete;
  void commit() {
    if (own_) db_.execute("COMMIT");
  }

 private:
  database& db_;
  bool own_;
};

void check_name(const session& s, const route& r) {
  const auto reserved = [&](std::string_view prefix) {
    return same_name(std::string_view(r.target).substr(0, prefix.size()), prefix);
  };
  if (reserved("sqlite_") || reserved("leat_progress") || reserved("leat_seen_"))
    throw error(error_kind::sink, "the table name \"" + r.target + "\" is reserved",
                place_of(s.db, r), "send the route to another name with `to`");
}

} // namespace

table_writer::table_writer(session& s, route_ptr r) : session_(s) {
  use(std::move(r));
  check_name(session_, *route_);
  take_table();
}

void table_writer::use(route_ptr r) {
  route_ = std::move(r);
  kinds_.clear();
  for (std::size_t i = 0; i < route_->columns.size(); ++i)
    kinds_.push_back(storage_of(route_->source_column(i).kind));
}

void table_writer::take_table() {
  const auto& r = *route_;
  auto& db = session_.db;
  const auto known = session_.progress.table(r.progress_name());
  const bool there = table_exists(db, r.target);
  if (there) misfit_ = misfit(db, r);
  if (known) record_ = *known;
  // A new source of a table that others feed finds it lost as they do.
  const bool written = known || (r.merged() && session_.progress.owns_some_of(r.target));
  lost_ = written && !there;
  if (lost_) session_.lost.add(r);
  if (lost_ || known) return;
  if (misfit_) throw error(*misfit_);
  const bool foreign = there && !session_.progress.owns_some_of(r.target);
  if (foreign)
    if (const auto other = session_.progress.other_owner(r.target))
      throw taken_table(place_of(db, r), *other);
  if (foreign && has_rows(db, r.target))
    throw error(error_kind::sink,
                "table \"" + r.target + "\" holds rows that this pipeline has not written",
                place_of(db, r),
                "empty or drop the table, or send the route to another one with `to`");
  small_transaction making(db);
  if (!there) db.execute(create_statement(r));
  save_record();
  note_columns();
  making.commit();
}

void table_writer::make_lost() {
  session_.lost.check_whole(*route_, place_of(session_.db, *route_));
  session_.begin();
  if (!table_exists(session_.db, route_->target))
    session_.db.execute(create_statement(*route_));
  else // Another source of it made it, and may lack columns of this one.
    evolve(session_.db, *route_, *route_);
  misfit_ = misfit(session_.db, *route_);
  lost_ = false;
  made_again();
}

void table_writer::begin_writing() {
  if (lost_) make_lost();
  if (misfit_) throw error(*misfit_);
  session_.begin();
  if (std::exchange(unnoted_, false)) note_columns();
  if (!std::exchange(begun_due_, false)) return;
  forget_statements();
  write_begun();
  save_record();
}

/// In the open transaction.
void table_writer::note_columns() {
  if (record_.take_columns(*route_))
    session_.progress.set_columns(route_->progress_name(), record_.columns);
}

void table_writer::note_begun(std::uint32_t generation) {
  if (!record_.begin(generation)) return;
  begun_due_ = true;
  session_.lost.note_begun(*route_);
}

bool table_writer::note_finished(std::uint32_t generation) {
  if (record_.snapshot != generation) return false;
  begin_writing();
  forget_statements();
  return record_.finish(generation);
}

void table_writer::change_schema(const route_ptr& after) {
  // A source tells its columns again for many reasons.
  if (same_table(*route_, *after)) {
    route_ = after;
    return;
  }
  if (lost_) { // made in the columns of the first row
    use(after);
    columns_changed();
    return;
  }
  session_.begin();
  forget_statements();
  evolve(session_.db, *route_, *after);
  use(after);
  note_columns();
  misfit_ = misfit(session_.db, *route_);
  columns_changed();
}

void table_writer::refuse(std::size_t column, std::string_view text, const std::string& key) const {
  const auto& source = route_->source_column(column);
  auto shown = std::string(text.substr(0, shown_of_a_value));
  if (text.size() > shown_of_a_value) shown += "...";
  throw row_error(
      error_kind::sink,
      "\"" + shown + "\" is no " + source.type_name + ", in column \""
          + route_->columns[column].name + "\" of the row " + key,
      place_of(session_.db, *route_),
      "leave the column out with `exclude`, and report this: leat reads what PostgreSQL prints");
}

std::unique_ptr<table_writer> make_writer(session& s, const route_ptr& r) {
  if (r->mode == route_mode::append) return make_append_writer(s, r);
  if (r->key.empty()) return make_keyless_writer(s, r);
  return make_upsert_writer(s, r);
}

} // namespace leat::sqlite
