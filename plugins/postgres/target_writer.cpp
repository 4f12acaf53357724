#include "plugins/postgres/target_writer.hpp"

#include <utility>

#include "dataflow/table_columns.hpp"
#include "dataflow/taken_table.hpp"
#include "plugins/postgres/target_append_writer.hpp"
#include "plugins/postgres/target_errors.hpp"
#include "plugins/postgres/target_evolve.hpp"
#include "plugins/postgres/target_keyed_writer.hpp"
#include "plugins/postgres/target_keyless_writer.hpp"

namespace leat::postgres {

target_writer::target_writer(target_transaction& transaction, route_ptr r,
                             const std::string& default_schema)
    : transaction_(transaction), route_(std::move(r)), place_(place_of(*route_, default_schema)) {
  if (place_.schema == default_schema && place_.name.starts_with("leat_progress"))
    refuse("a route's target has the name of leat's own table", place_.quoted(),
           "name another target with `to`");
  auto& progress = transaction_.progress();
  const bool own = progress.owns(route_->progress_name());
  // A new source of a table that others feed finds it lost as they do.
  const bool written = own || (route_->merged() && progress.owns_some_of(route_->target));
  const bool lost = written && !read_table(session(), place_);
  if (!own && !lost) take_table();
  record_ = progress.table(route_->progress_name());
  if (lost) {
    lost_ = true;
    transaction_.lost().add(*route_);
    foresee_shape();
    return;
  }
  read_shape();
  if (misfit_ && !own) throw *misfit_;
}

/// In one transaction, so that a table that this pipeline has made is known as its own.
void target_writer::take_table() {
  const bool nested = transaction_.is_open();
  if (!nested) session().query("BEGIN");
  if (read_table(session(), place_))
    refuse_foreign_rows();
  else
    make_table();
  transaction_.progress().own(session(), route_->progress_name(), columns_record(*route_));
  if (!nested) session().query("COMMIT", place_.quoted());
}

void target_writer::make_table() {
  const auto there =
      session().ask("SELECT 1 FROM pg_namespace WHERE nspname = $1", {place_.schema});
  if (there.rows() == 0)
    session().query("CREATE SCHEMA IF NOT EXISTS " + quote_identifier(place_.schema),
                    place_.quoted());
  session().query(create_table_sql(*route_, place_, wanted_columns(*route_, &session())),
                  place_.quoted());
}

/// Another source of it may have made it, and lack columns of this one.
void target_writer::make_table_whole() {
  if (!read_table(session(), place_)) return make_table();
  evolve(session(), place_, *route_, *route_);
}

/// Statements have the shape that the table will have; it is not made before a snapshot fills it.
void target_writer::foresee_shape() {
  const bool nested = transaction_.is_open();
  session().query(nested ? "SAVEPOINT leat_loss" : "BEGIN");
  make_table_whole();
  read_shape();
  session().query(nested ? "ROLLBACK TO leat_loss; RELEASE leat_loss" : "ROLLBACK");
}

void target_writer::make_lost() {
  transaction_.lost().check_whole(*route_, place_.quoted());
  transaction_.begin();
  make_table_whole();
  auto& progress = transaction_.progress();
  if (!progress.owns(route_->progress_name()))
    progress.own(session(), route_->progress_name(), columns_record(*route_));
  lost_ = false;
}

void target_writer::refuse_foreign_rows() {
  if (transaction_.progress().owns_some_of(route_->target)) return;
  if (const auto other = transaction_.progress().other_owner(session(), route_->target))
    throw taken_table(place_.quoted(), *other);
  const auto any =
      session().query("SELECT EXISTS (SELECT FROM " + place_.quoted() + ")", place_.quoted());
  if (!any.boolean(0, 0)) return;
  refuse("the target table holds rows that this pipeline has not written", place_.quoted(),
         "TRUNCATE " + place_.quoted() + ", or drop it, or name another target with `to`");
}

void target_writer::read_shape() {
  const auto real = read_table(session(), place_);
  if (!real) throw lost_table(*route_, place_.quoted());
  shape_ = shape_of(*route_, place_, *real);
  misfit_ = misfit(*route_, place_, *real, wanted_columns(*route_, &session()));
}

void target_writer::change_schema(const route_ptr& after) {
  // A source tells its columns again for many reasons.
  if (same_table(*route_, *after)) {
    route_ = after;
    return;
  }
  if (lost_) {
    route_ = after;
    foresee_shape();
    reshaped();
    return;
  }
  transaction_.begin();
  evolve(session(), place_, *route_, *after);
  route_ = after;
  note_columns();
  read_shape();
  reshaped();
}

/// In the open transaction.
void target_writer::note_columns() {
  if (!record_.take_columns(*route_)) return;
  transaction_.progress().send_columns(session(), route_->progress_name(), record_.columns);
}

target_session& target_writer::begin() {
  if (lost_) make_lost();
  if (misfit_) throw *misfit_;
  transaction_.begin();
  if (std::exchange(unnoted_, false)) note_columns();
  if (std::exchange(begun_due_, false)) {
    transaction_.progress().send_snapshot(session(), route_->progress_name(), record_);
    write_begun(record_.snapshot, interrupted_);
  }
  return session();
}

void target_writer::note_begun(std::uint32_t generation) {
  const bool runs = record_.snapshot != 0;
  if (!record_.begin(generation)) return;
  if (!std::exchange(begun_due_, true)) interrupted_ = runs;
  transaction_.lost().note_begun(*route_);
}

bool target_writer::note_finished(std::uint32_t generation) {
  if (record_.snapshot != generation) return false;
  begin();
  record_.finish(generation);
  transaction_.progress().send_snapshot(session(), route_->progress_name(), record_);
  return true;
}

std::unique_ptr<target_writer> make_target_writer(target_transaction& transaction,
                                                  const route_ptr& r,
                                                  const std::string& default_schema) {
  if (r->mode == route_mode::append)
    return std::make_unique<target_append_writer>(transaction, r, default_schema);
  if (r->key.empty())
    return std::make_unique<target_keyless_writer>(transaction, r, default_schema);
  return std::make_unique<target_keyed_writer>(transaction, r, default_schema);
}

} // namespace leat::postgres
