#include "plugins/starrocks/table_writer.hpp"

#include <utility>

#include "dataflow/table_columns.hpp"
#include "dataflow/taken_table.hpp"
#include "plugins/starrocks/errors.hpp"

namespace leat::starrocks {

table_writer::table_writer(target_context& context, route_ptr r)
    : context_(context), route_(std::move(r)), table_(route_->target),
      quoted_(quoted_table(context.database(), table_)) {
  const auto& name = route_->progress_name();
  const bool own = context_.progress.owns(name);
  auto real = read_table(context_.sql, context_.database(), table_);
  // A new source of a table that others feed finds it lost as they do.
  const bool written = own || (route_->merged() && context_.progress.owns_some_of(table_));
  lost_ = written && !real && context_.progress.known(); // else all rows come yet
  if (lost_) {
    context_.lost.add(*route_);
    columns_ = wanted_columns(*route_, context_.traits);
    return;
  }
  const bool made = !real;
  if (!own || made) take_table(!made);
  const bool changed = end_change();
  if (made || changed) real = read_table(context_.sql, context_.database(), table_);
  read_shape(real);
  if (misfit_ && !own) throw *misfit_;
  const auto columns = columns_record(*route_);
  if (!misfit_ && context_.progress.table(name).columns != columns)
    context_.progress.note_columns(name, columns);
}

void table_writer::make_again() { context_.lost.note_begun(*route_); }

void table_writer::make_lost() {
  if (!lost_) return;
  context_.lost.check_whole(*route_, quoted_);
  // Another source of it may have made it, and lack columns of this one.
  const bool there = read_table(context_.sql, context_.database(), table_).has_value();
  if (there) evolve(context_, table_, *route_, *route_);
  take_table(there);
  lost_ = false;
  read_shape(read_table(context_.sql, context_.database(), table_));
}

/// Statements are in no transaction, and may have been under way when a process died.
bool table_writer::end_change() {
  const auto record = context_.progress.table(route_->progress_name());
  if (record.becoming.empty()) return false;
  evolve(context_, table_, *as_recorded(route_, record.columns),
         *as_recorded(route_, record.becoming));
  context_.progress.note_columns(route_->progress_name(), record.becoming);
  context_.progress.settle();
  return true;
}

void table_writer::become(const route& before, const route& after) {
  const auto& name = route_->progress_name();
  const auto columns = columns_record(after);
  context_.progress.note_columns(name, columns_record(before), columns);
  context_.progress.settle();
  evolve(context_, table_, before, after);
  context_.progress.note_columns(name, columns);
  context_.progress.settle();
}

void table_writer::take_table(bool there) {
  if (there && context_.progress.owns_some_of(table_)) {
    // Another source of it made it.
  } else if (there) {
    if (const auto other = context_.progress.other_owner(table_))
      throw taken_table(quoted_, *other);
    const auto any = context_.sql.query("SELECT 1 AS one FROM " + quoted_ + " LIMIT 1", quoted_);
    if (!any.empty())
      refuse("the target table holds rows that this pipeline has not written", quoted_,
             "TRUNCATE TABLE " + quoted_ + ", or drop it, or name another target with `to`");
  } else {
    if (const auto wrong = name_problem()) throw *wrong;
    context_.sql.query(create_table_sql(context_.database(), *route_, context_.traits,
                                        context_.options.starrocks.table),
                       quoted_);
  }
  context_.progress.note_columns(route_->progress_name(), columns_record(*route_));
}

void table_writer::read_shape(const std::optional<real_table>& real) {
  if (!real) throw lost_table(*route_, quoted_);
  columns_ = wanted_columns(*route_, context_.traits);
  misfit_ = name_problem();
  if (!misfit_) misfit_ = misfit(context_.database(), table_, columns_, *real);
  shown_.clear();
  for (const auto& c : columns_) {
    const auto* there = real->find(c.name);
    shown_.push_back(there == nullptr ? c.name : there->name);
  }
}

std::optional<leat::error> table_writer::name_problem() const {
  return misnamed(context_.database(), table_, wanted_columns(*route_, context_.traits),
                  context_.options.starrocks.format);
}

void table_writer::change_schema(const route_ptr& after) {
  // A source tells its columns again for many reasons.
  const bool same = same_table(*route_, *after);
  if (lost_) { // made in the columns of the first row
    route_ = after;
    columns_ = wanted_columns(*route_, context_.traits);
    if (!same) reshaped();
    return;
  }
  if (!same) {
    send_all();
    drain();
    const auto step = between(context_, table_, *route_, *after);
    if (step) become(*route_, *step);
    become(step ? *step : *route_, *after);
  }
  if (!same_comments(*route_, *after)) {
    drain();
    follow_comments(context_, table_, *after);
  }
  route_ = after;
  if (same) return;
  read_shape(read_table(context_.sql, context_.database(), table_));
  reshaped();
}

void table_writer::check_fit() {
  make_lost();
  if (misfit_) throw *misfit_;
}

/// To a load of JSON, names that differ by case alone are two: it leaves the column NULL.
row_encoder table_writer::make_encoder() const {
  auto columns = load_columns(columns_);
  for (std::size_t i = 0; i < shown_.size(); ++i) columns[i].name = shown_[i];
  row_encoder made(std::move(columns), context_.options.starrocks.format, context_.policies, true);
  if (context_.keeps_letters()) made.keep_ends();
  return made;
}

void table_writer::send(row_encoder& rows) {
  if (rows.empty()) return;
  load_piece piece;
  piece.headers = rows.headers();
  for (const auto& c : columns_)
    if (c.key) piece.key.push_back(c.name);
  piece.ends = rows.take_ends();
  piece.letters = std::exchange(letters_, {});
  piece.body = rows.take();
  context_.loads->load(table_, std::move(piece));
}

void table_writer::send_if_large(row_encoder& rows) {
  if (rows.bytes() >= context_.piece_bytes()) send(rows);
}

void table_writer::fail_value(std::size_t column, std::string_view problem,
                              const std::string& row) const {
  refuse("column " + columns_[column].name + " has " + std::string(problem) + ", in the row with "
             + row,
         quoted_,
         columns_[column].key
             ? "change the value at the source, or take another key; on_value changes no key"
             : "change the column at the target, or set on_value to null or clamp where that will "
               "do");
}

} // namespace leat::starrocks
