#include "plugins/shared_objects/emitted_rows.hpp"

#include <functional>
#include <limits>

namespace leat::shared_objects {

namespace {

constexpr std::uint32_t largest_value = 0x3fffffffU;

std::string number(std::size_t n) { return std::to_string(n); }

} // namespace

emitted_rows::emitted_rows(const table_schema& input, const table_schema& output, bool append,
                           bool as_input)
    : input_(input), output_(output), append_(append), as_input_(as_input) {}

void emitted_rows::begin(const batch& rows, bool flushing) {
  rows_ = &rows;
  flushing_ = flushing;
  bytes_.clear();
  cells_.clear();
  changes_.clear();
}

void emitted_rows::keep(std::uint32_t i) {
  if (flushing_) throw std::string("there is no change to keep in flush()");
  if (i >= rows_->changes.size())
    throw "it keeps change " + number(i) + ", and the batch has " + number(rows_->changes.size());
  if (!as_input_ && rows_->changes[i].kind != change_kind::truncate)
    throw std::string("it keeps a row, and its output has other columns than its input");
  changes_.push_back(rows_->changes[i]);
}

void emitted_rows::emit(const leat_emission& e) {
  if (flushing_ && append_)
    throw std::string("it emits a row in flush(), and the route appends: such a row has no place "
                      "in the stream that a replay would give again");
  if (!flushing_ && e.from >= rows_->changes.size())
    throw "it emits a row from change " + number(e.from) + ", and the batch has "
        + number(rows_->changes.size());
  if (e.kind > LEAT_READ || e.old_kind > LEAT_OLD_FULL)
    throw "it emits a row of kind " + number(e.kind) + " with an old row of kind "
        + number(e.old_kind) + ", which do not exist";
  change c;
  if (flushing_)
    c.index = changes_.size();
  else
    c = rows_->changes[e.from];
  c.kind = static_cast<change_kind>(e.kind);
  c.old_kind = static_cast<old_row_kind>(e.old_kind);
  c.new_row = c.old_row = change::no_row;
  const bool has_new = c.kind != change_kind::remove && c.kind != change_kind::truncate;
  const bool has_old = c.old_kind != old_row_kind::none && c.kind != change_kind::truncate;
  if (has_new != (e.new_row != nullptr) || has_old != (e.old_row != nullptr))
    throw std::string("it emits a change that has a row too few or too many for its kind");
  if (c.kind == change_kind::remove && !has_old)
    throw std::string("it emits a LEAT_REMOVE without an old row");
  if ((has_new || has_old) && e.width != output_.columns.size())
    throw "it emits a row of " + number(e.width) + " cells, and its output has "
        + number(output_.columns.size()) + " columns";
  if (has_old) {
    c.old_row = add_row(e.old_row);
    check_key(c.old_row, "an old row");
  }
  if (has_new) {
    c.new_row = add_row(e.new_row);
    check_key(c.new_row, "a row");
  }
  changes_.push_back(c);
}

std::uint32_t emitted_rows::add_row(const leat_value* values) {
  const auto first = cells_.size();
  const auto width = output_.columns.size();
  for (std::size_t i = 0; i < width; ++i) cells_.push_back(add(values[i], i));
  return static_cast<std::uint32_t>(rows_->cells.size() + first);
}

cell emitted_rows::add(const leat_value& v, std::size_t column) {
  if (v.state != LEAT_VALUE) {
    if (v.state > LEAT_ABSENT)
      throw "it emits a cell of state " + number(v.state) + ", which does not exist, in column "
          + output_.columns[column].name;
    return batch::make_state(static_cast<cell_state>(v.state));
  }
  if (v.size > largest_value || (v.data == nullptr && v.size != 0))
    throw "it emits a value of " + number(v.size) + " bytes" + (v.data == nullptr ? " at NULL" : "")
        + " in column " + output_.columns[column].name;
  const auto& arena = rows_->arena;
  cell c;
  c.size = v.size & largest_value;
  c.state_bits = static_cast<std::uint32_t>(cell_state::value) & 3U;
  const std::less_equal<const char*> not_behind;
  if (not_behind(arena.data(), v.data)
      && not_behind(v.data + v.size, arena.data() + arena.size())) {
    c.offset = static_cast<std::uint32_t>(v.data - arena.data());
    return c;
  }
  const auto at = arena.size() + bytes_.size();
  if (at + v.size > std::numeric_limits<std::uint32_t>::max())
    throw std::string("it emits more than 4 GiB for one batch");
  c.offset = static_cast<std::uint32_t>(at);
  bytes_.append(v.data, v.size);
  return c;
}

/// Of a row just added. A target cannot find a row by half a key.
void emitted_rows::check_key(std::uint32_t row, const char* which) const {
  const auto first = row - rows_->cells.size();
  for (const auto k : output_.key) {
    const auto c = cells_[first + k];
    if (c.has_value() || (append_ && c.is_null())) continue;
    throw "it emits " + std::string(which) + " without a value in column " + output_.columns[k].name
        + ", which is part of its key";
  }
}

void emitted_rows::finish(batch& rows) {
  rows.cells.insert(rows.cells.end(), cells_.begin(), cells_.end());
  rows.arena += bytes_;
  rows.changes.swap(changes_);
  rows_ = nullptr;
}

} // namespace leat::shared_objects
