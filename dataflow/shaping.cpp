#include "dataflow/shaping.hpp"

#include <algorithm>

#include "dataflow/error.hpp"
#include "dataflow/expressions/evaluation_error.hpp"
#include "dataflow/position.hpp"

namespace leat {

namespace {

/// on_error = "dead_letter": an expression failed for the change at hand.
struct row_refused {
  std::string reason;
};

} // namespace

shaping::shaping(route_ptr r) : route_(std::move(r)), shape_(*route_->shape) {
  if (shape_.where) where_.emplace(shape_.where);
  for (const auto& e : shape_.unless) unless_.emplace_back(e);
  for (const auto& e : shape_.computed) computed_.emplace_back(e);
  wanted_.assign(route_->schema->columns.size(), false);
  for (const auto& c : route_->columns) wanted_[c.source] = true;
  for (const auto c : route_->source_key) wanted_[c] = true;
  for (const auto c : route_->schema->key) wanted_[c] = true;
}

void shaping::fail(const std::string& option, const batch& rows, const change& c,
                   const std::string& what) const {
  std::string key;
  const auto row = c.new_row == change::no_row ? rows.old_row(c) : rows.new_row(c);
  for (const auto k : shape_.source->key)
    if (row[k].has_value())
      key += (key.empty() ? "" : ", ") + shape_.source->columns[k].name + " = "
             + std::string(rows.text(row[k]).substr(0, 60));
  throw error(error_kind::source, what,
              option + " of the route from " + shape_.source->qualified_name() + " to "
                  + route_->target + (key.empty() ? "" : ", row " + key),
              remedy_of_row(c, "correct the expression")
                  + ", or set on_error = \"null\" or \"dead_letter\" in the route");
}

/// The new row, with cells that did not change taken from the old one where that came.
std::span<const cell> shaping::effective(const batch& rows, const change& c) {
  const auto fresh = rows.new_row(c);
  const auto old = rows.old_row(c);
  if (old.empty() || std::all_of(fresh.begin(), fresh.end(), [](cell v) { return came(v); }))
    return fresh;
  filled_.assign(fresh.begin(), fresh.end());
  for (std::size_t i = 0; i < filled_.size(); ++i)
    if (!came(filled_[i]) && came(old[i])) filled_[i] = old[i];
  return filled_;
}

shaping::verdict shaping::test(sql::evaluation& e, const batch& rows, std::span<const cell> row,
                               const change& c) {
  try {
    const auto& d = e.run(rows, row, &c);
    return !d.null && d.truth() ? verdict::yes : verdict::no;
  } catch (const sql::value_missing&) {
    return verdict::unknown;
  } catch (const sql::evaluation_error& failure) {
    if (judging_old_) return verdict::unknown;
    if (shape_.options.on_error == expression_policy::null) return verdict::no;
    if (shape_.options.on_error == expression_policy::dead_letter)
      throw row_refused{std::string("where: ") + failure.what()};
    fail("where", rows, c, failure.what());
  }
}

shaping::verdict shaping::holds(const batch& rows, std::span<const cell> row, const change& c) {
  const auto first = where_ ? test(*where_, rows, row, c) : verdict::yes;
  if (first == verdict::no) return first;
  auto out = first;
  for (auto& e : unless_) {
    const auto taken = test(e, rows, row, c);
    if (taken == verdict::yes) return verdict::no;
    if (taken == verdict::unknown) out = verdict::unknown;
  }
  return out;
}

shaping::action shaping::decide_update(const batch& rows, const change& c) {
  const auto now = holds(rows, effective(rows, c), c);
  if (route_->mode == route_mode::append) return now == verdict::no ? action::drop : action::pass;
  if (!route_->key.empty()) {
    if (now != verdict::unknown && was_left_out(rows, c))
      return now == verdict::yes ? action::insert : action::drop;
    if (now == verdict::unknown) return action::ask;
    return now == verdict::yes ? action::pass : action::remove;
  }
  // Rows are found by all of their columns, so the target must have the old one.
  const auto before = holds(rows, rows.old_row(c), c);
  if (now == verdict::unknown || before == verdict::unknown)
    fail("where", rows, c, "the change does not bring a value that the expression reads");
  if (now == verdict::yes) return before == verdict::yes ? action::pass : action::insert;
  return before == verdict::yes ? action::remove : action::drop;
}

/// An insert may lack values, too: where an update has entered the publication's row filter.
shaping::action shaping::decide_new(const batch& rows, const change& c) {
  const auto now = holds(rows, rows.new_row(c), c);
  if (now == verdict::no) return action::drop;
  const bool keyed = route_->mode == route_mode::upsert && !route_->key.empty();
  return now == verdict::unknown && keyed ? action::ask : action::pass;
}

shaping::action shaping::decide(const batch& rows, const change& c) {
  switch (c.kind) {
  case change_kind::truncate:
    return action::pass;
  case change_kind::insert:
  case change_kind::read:
    return decide_new(rows, c);
  case change_kind::update:
    return decide_update(rows, c);
  case change_kind::remove:
    break;
  }
  const bool keyed = route_->mode == route_mode::upsert && !route_->key.empty();
  if (keyed) return was_left_out(rows, c) ? action::drop : action::pass;
  return holds(rows, rows.old_row(c), c) == verdict::no ? action::drop : action::pass;
}

/// The whole old row came and was not the target's. Its key may even be NULL.
bool shaping::was_left_out(const batch& rows, const change& c) {
  if (c.old_kind != old_row_kind::full) return false;
  judging_old_ = true;
  const auto before = holds(rows, rows.old_row(c), c);
  judging_old_ = false;
  return before == verdict::no;
}

shaping::result shaping::apply(const batch_ptr& rows, std::span<const std::uint32_t> changes) {
  actions_.clear();
  bool as_they_are = computed_.empty();
  const bool tests = where_ || !unless_.empty();
  result out;
  for (const auto i : changes) {
    try {
      actions_.push_back(tests ? decide(*rows, rows->changes[i]) : action::pass);
    } catch (const row_refused& refused) {
      actions_.push_back(refuse(*rows, rows->changes[i], refused.reason, out));
    }
    as_they_are =
        as_they_are && (actions_.back() == action::pass || actions_.back() == action::drop);
  }
  if (as_they_are) {
    out.rows = rows;
    for (std::size_t n = 0; n < changes.size(); ++n)
      if (actions_[n] == action::pass) out.changes.push_back(changes[n]);
    return out;
  }
  auto made = std::make_shared<batch>();
  made->tables = {route_->schema};
  made->transactions = rows->transactions;
  for (std::size_t n = 0; n < changes.size(); ++n) {
    const auto& c = rows->changes[changes[n]];
    try {
      if (actions_[n] != action::drop) make(*made, *rows, c, actions_[n]);
    } catch (const row_refused& refused) {
      const auto left = refuse(*rows, c, refused.reason, out);
      if (left != action::drop) make(*made, *rows, c, left);
    }
  }
  for (std::uint32_t i = 0; i < made->changes.size(); ++i) out.changes.push_back(i);
  out.rows = std::move(made);
  return out;
}

void shaping::make(batch& out, const batch& rows, const change& c, action what) {
  if (what == action::ask) return make_ask(out, rows, c);
  auto next = c;
  next.table = 0;
  next.new_row = next.old_row = change::no_row;
  const auto old = rows.old_row(c);
  if (c.kind == change_kind::truncate && route_->mode == route_mode::append) {
    // What needs no row: where tables are merged, whose rows went.
    const std::vector<cell> none(shape_.source->columns.size(),
                                 batch::make_state(cell_state::absent));
    next.new_row = add_row(out, rows, none, c, true, nullptr);
    out.changes.push_back(next);
    return;
  }
  if (what == action::remove_old) {
    next.kind = change_kind::remove;
    next.old_row = add_row(out, rows, old, c, true, nullptr);
    if (key_came(out, next.old_row)) out.changes.push_back(next);
    return;
  }
  if (what == action::remove) {
    next.kind = change_kind::remove;
    if (!old.empty()) {
      next.old_row = add_row(out, rows, old, c, true, nullptr);
    } else {
      next.old_kind = old_row_kind::key;
      next.old_row = add_key_row(out, rows, rows.new_row(c), c, cell_state::absent);
    }
    out.changes.push_back(next);
    return;
  }
  if (what == action::insert) {
    next.kind = change_kind::insert;
    next.old_kind = old_row_kind::none;
  } else if (!old.empty()) {
    next.old_row = add_row(out, rows, old, c, true, nullptr);
    // A key that could not be computed has no row.
    if (!key_came(out, next.old_row)) {
      if (c.kind == change_kind::remove) return;
      next.old_row = change::no_row;
      next.old_kind = old_row_kind::none;
    }
  }
  if (c.new_row != change::no_row) {
    bool incomplete = false;
    next.new_row = add_row(out, rows, effective(rows, c), c, false, &incomplete);
    if (incomplete && route_->mode == route_mode::upsert) return make_ask(out, rows, c);
  }
  out.changes.push_back(next);
}

/// The letter shows the row as the source has it: of the route's columns some cannot be computed.
shaping::action shaping::refuse(const batch& rows, const change& c, const std::string& reason,
                                result& out) const {
  out.refused.push_back(letter_of(route_->target, *shape_.source, rows, c, reason));
  const bool left =
      c.kind == change_kind::update && route_->mode == route_mode::upsert && key_moves(rows, c);
  return left ? action::remove_old : action::drop;
}

/// Columns that the route's key is made of differ between the old row and the new one.
bool shaping::key_moves(const batch& rows, const change& c) const {
  const auto old = rows.old_row(c);
  const auto fresh = rows.new_row(c);
  if (old.empty()) return false;
  const auto differs = [&](std::uint16_t column) {
    if (!came(old[column]) || !came(fresh[column])) return false;
    return old[column].state() != fresh[column].state()
           || rows.text(old[column]) != rows.text(fresh[column]);
  };
  return std::any_of(route_->key.begin(), route_->key.end(), [&](std::uint16_t k) {
    const auto made_of = route_->origins(k);
    return std::any_of(made_of.begin(), made_of.end(), differs);
  });
}

bool shaping::key_came(const batch& out, std::uint32_t row) const {
  return route_->mode == route_mode::append
         || shape_.options.on_error != expression_policy::dead_letter
         || std::all_of(route_->source_key.begin(), route_->source_key.end(),
                        [&](std::uint16_t k) { return out.cells[row + k].has_value(); });
}

/// The key goes away, and what follows has cells that came for no row: the writer reports the key
/// as missing, and its row is read at the source (R6).
void shaping::make_ask(batch& out, const batch& rows, const change& c) {
  const bool asks = std::any_of(wanted_.begin(), wanted_.end(), [](bool w) { return w; })
                    && route_->columns.size() > route_->key.size() && !route_->key.empty()
                    && route_->removal != delete_mode::ignore
                    && route_->key_at_source(std::vector<std::string>(route_->key.size()));
  if (!asks)
    throw error(error_kind::source,
                "an update did not bring a value that an expression of the route reads, because it "
                "was left unchanged",
                "table " + shape_.source->qualified_name() + " to " + route_->target,
                "ALTER TABLE ... REPLICA IDENTITY FULL, then `leat drop` and begin anew; or leave "
                "the column out of the expressions");
  const auto fresh = effective(rows, c);
  auto next = c;
  next.table = 0;
  next.kind = change_kind::remove;
  next.new_row = change::no_row;
  next.old_kind = old_row_kind::key;
  if (c.old_row != change::no_row) {
    next.old_row = add_key_row(out, rows, rows.old_row(c), c, cell_state::absent);
    out.changes.push_back(next);
  }
  next.old_row = add_key_row(out, rows, fresh, c, cell_state::absent);
  out.changes.push_back(next);
  next.kind = change_kind::update;
  next.old_kind = old_row_kind::none;
  next.old_row = change::no_row;
  next.new_row = add_key_row(out, rows, fresh, c, cell_state::unchanged);
  out.changes.push_back(next);
}

cell shaping::computed(batch& out, std::size_t i, const batch& rows, std::span<const cell> cells,
                       const change& c, bool old, bool* incomplete) {
  auto& e = computed_[i];
  const auto& reads = e.of().reads();
  const auto has = [&](std::uint16_t column) { return came(cells[column]); };
  if (old && !std::all_of(reads.begin(), reads.end(), has))
    return batch::make_state(cell_state::absent);
  try {
    const auto& d = e.run(rows, cells, &c);
    if (d.null) return batch::make_state(cell_state::null);
    scratch_.clear();
    sql::print_value(e.of().type(), d, scratch_);
    return out.add_value(scratch_);
  } catch (const sql::value_missing&) {
    // All that it is made of is as it was: so is it.
    const bool as_it_was = std::none_of(reads.begin(), reads.end(), has);
    if (!as_it_was && incomplete != nullptr) *incomplete = true;
    return batch::make_state(cell_state::unchanged);
  } catch (const sql::evaluation_error& failure) {
    if (shape_.options.on_error == expression_policy::null)
      return batch::make_state(cell_state::null);
    if (shape_.options.on_error == expression_policy::dead_letter) {
      if (old) return batch::make_state(cell_state::absent);
      throw row_refused{"column " + shape_.options.computed[i].name + ": " + failure.what()};
    }
    fail("column " + shape_.options.computed[i].name, rows, c, failure.what());
  }
}

std::uint32_t shaping::add_row(batch& out, const batch& rows, std::span<const cell> cells,
                               const change& c, bool old, bool* incomplete) {
  const auto own = shape_.source->columns.size();
  const auto first = static_cast<std::uint32_t>(out.cells.size());
  for (std::size_t i = 0; i < own; ++i) {
    const auto from = cells[i];
    if (!wanted_[i])
      out.cells.push_back(batch::make_state(cell_state::absent));
    else
      out.cells.push_back(from.has_value() ? out.add_value(rows.text(from)) : from);
  }
  for (std::size_t i = 0; i < computed_.size(); ++i)
    out.cells.push_back(wanted_[own + i] ? computed(out, i, rows, cells, c, old, incomplete)
                                         : batch::make_state(cell_state::absent));
  return first;
}

/// The key's cells, and `rest` for the others.
std::uint32_t shaping::add_key_row(batch& out, const batch& rows, std::span<const cell> cells,
                                   const change& c, cell_state rest) {
  const auto own = shape_.source->columns.size();
  const auto first = static_cast<std::uint32_t>(out.cells.size());
  const auto& keys = route_->source_key;
  for (std::size_t i = 0; i < route_->schema->columns.size(); ++i) {
    if (std::find(keys.begin(), keys.end(), i) == keys.end())
      out.cells.push_back(batch::make_state(rest));
    else if (i >= own)
      out.cells.push_back(computed(out, i - own, rows, cells, c, true, nullptr));
    else
      out.cells.push_back(cells[i].has_value() ? out.add_value(rows.text(cells[i])) : cells[i]);
  }
  return first;
}

} // namespace leat
