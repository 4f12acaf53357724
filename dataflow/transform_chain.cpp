#include "dataflow/transform_chain.hpp"

#include <algorithm>

#include "dataflow/error.hpp"
#include "dataflow/route_shape.hpp"

namespace leat {

transform_chain::transform_chain(route_ptr r, const open_keyed_state& open)
    : route_(std::move(r)), plan_(*route_->chain) {
  for (std::size_t i = 0; i < plan_.steps.size(); ++i) {
    const auto& step = plan_.steps[i];
    transform_place place{step.takes, step.gives.rows, route_->mode,
                          "transform " + step.is.name + " of " + route_->schema->qualified_name()
                              + " to " + route_->target};
    if (step.gives.keeps_state) place.state = open(*route_, i, step.is.name);
    if (step.tells_source && route_->mode == route_mode::upsert)
      place.ask = [this, &step](const batch& rows, std::span<const cell> row) {
        ask(step, rows, row);
      };
    place.from = step.gives.from;
    place.on_error = plan_.on_error;
    if (plan_.on_error == expression_policy::dead_letter)
      place.keep_letter = [this, &step](const batch& rows, const change& c,
                                        const std::string& reason) {
        letters_.push_back(letter_of(route_->target, *step.takes, rows, c,
                                     "transform " + step.is.name + ": " + reason));
      };
    stages_.push_back({&step, step.is.type->create(place)});
  }
  if (!plan_.completes_table()) return;
  first_ = 1;
  const auto& table = *plan_.inner->source();
  reads_.assign(table.columns.size(), false);
  for (const auto c : read_columns(*plan_.inner)) reads_[c] = true;
  for (const auto c : table.key) reads_[c] = true;
}

batch_ptr transform_chain::complete(const batch& rows, std::span<const std::uint32_t> changes) {
  auto out = std::make_shared<batch>();
  out->tables = {plan_.inner->source()};
  out->transactions = rows.transactions;
  for (const auto i : changes) {
    auto c = rows.changes[i];
    const auto fresh = rows.new_row(c);
    const auto old = rows.old_row(c);
    c.table = 0;
    c.new_row = add_table_row(*out, rows, fresh, cell_state::null);
    c.old_row = add_table_row(*out, rows, old, cell_state::absent);
    out->changes.push_back(c);
  }
  if (!out->changes.empty()) stages_.front().runs->apply(*out);
  if (out->changes.empty()) return nullptr;
  // To a dead letter what is not read did not come.
  for (const auto& c : out->changes)
    for (std::size_t i = 0; c.new_row != change::no_row && i < reads_.size(); ++i)
      if (!reads_[i]) out->cells[c.new_row + i] = batch::make_state(cell_state::absent);
  return out;
}

/// Columns that the route does not read need not be remembered.
std::uint32_t transform_chain::add_table_row(batch& out, const batch& rows,
                                             std::span<const cell> row, cell_state unread) const {
  if (row.empty()) return change::no_row;
  const auto first = static_cast<std::uint32_t>(out.cells.size());
  for (std::size_t i = 0; i < row.size(); ++i) {
    if (!reads_[i])
      out.cells.push_back(batch::make_state(unread));
    else
      out.cells.push_back(row[i].has_value() ? out.add_value(rows.text(row[i])) : row[i]);
  }
  return first;
}

batch_ptr transform_chain::apply(const batch& rows, std::span<const std::uint32_t> changes) {
  if (changes.empty()) return nullptr;
  auto made = chosen(rows, changes);
  run(*made, first_);
  if (made->changes.empty()) return nullptr;
  return made;
}

void transform_chain::run(batch& rows, std::size_t from) {
  for (std::size_t i = from; i < stages_.size() && !rows.changes.empty(); ++i) {
    const auto& step = *stages_[i].is;
    if (step.asks_before || (i == first_ && step.tells_source)) ask_for_incomplete(rows, step);
    rows.tables = {step.takes};
    stages_[i].runs->apply(rows);
    rows.tables = {step.gives.rows};
  }
}

std::vector<batch_ptr> transform_chain::flush(commit_lsn position) {
  std::vector<batch_ptr> out;
  for (std::size_t i = first_; i < stages_.size(); ++i) {
    auto made = std::make_shared<batch>();
    made->tables = {stages_[i].is->gives.rows};
    made->transactions = {{0, position, 0}};
    stages_[i].runs->flush(*made);
    made->tables = {stages_[i].is->gives.rows};
    run(*made, i + 1);
    if (!made->changes.empty()) out.push_back(std::move(made));
  }
  return out;
}

void transform_chain::ask(const planned_transforms::step& step, const batch& rows,
                          std::span<const cell> row) {
  std::vector<std::string> texts;
  for (const auto k : step.takes->key) texts.emplace_back(rows.text(row[k]));
  if (step.on_table) return asked_.push_back(std::move(texts));
  if (auto key = key_through(*plan_.inner, step.origins, step.takes->key, texts))
    asked_.push_back(std::move(*key));
}

/// A row with cells that did not come goes away, and is read at the source. So does one that an
/// update brought into the publication's row filter: no transform knows of it.
void transform_chain::ask_for_incomplete(batch& rows, const planned_transforms::step& step) {
  if (route_->mode != route_mode::upsert) return;
  std::vector<change> next;
  for (const auto& c : rows.changes) {
    const bool asks =
        c.kind == change_kind::insert || (step.asks_before && c.kind == change_kind::update);
    const auto fresh = asks ? rows.new_row(c) : std::span<const cell>{};
    if (std::all_of(fresh.begin(), fresh.end(), [](cell v) { return came(v); })) {
      next.push_back(c);
      continue;
    }
    ask(step, rows, fresh);
    remove_incomplete(rows, c, next);
  }
  rows.changes = std::move(next);
}

std::uint32_t transform_chain::add_row(batch& out, const batch& rows, std::span<const cell> row,
                                       std::span<const cell> filling) const {
  if (row.empty()) return change::no_row;
  const auto first = static_cast<std::uint32_t>(out.cells.size());
  for (const auto& c : plan_.inner->columns) {
    auto from = row[c.source];
    if (!came(from) && !filling.empty() && came(filling[c.source])) from = filling[c.source];
    out.cells.push_back(from.has_value() ? out.add_value(rows.text(from)) : from);
  }
  return first;
}

/// The changes with the columns that the inner route writes.
std::shared_ptr<batch> transform_chain::chosen(const batch& rows,
                                               std::span<const std::uint32_t> changes) const {
  auto out = std::make_shared<batch>();
  out->tables = {plan_.takes};
  out->transactions = rows.transactions;
  out->changes.reserve(changes.size());
  for (const auto i : changes) {
    auto c = rows.changes[i];
    const auto fresh = rows.new_row(c);
    const auto old = rows.old_row(c);
    c.table = 0;
    c.new_row = add_row(*out, rows, fresh, old);
    c.old_row = add_row(*out, rows, old, {});
    out->changes.push_back(c);
  }
  return out;
}

} // namespace leat
