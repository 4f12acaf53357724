#include "plugins/shared_objects/emitted_rows.hpp"

#include <algorithm>
#include <limits>

namespace leat::shared_objects {

namespace {

constexpr std::uint32_t largest_value = 0x3fffffffU;
constexpr std::size_t largest_kept = 1U << 20; ///< of buffers, between two batches

cell value_at(std::size_t offset, std::uint32_t size) {
  cell c;
  c.offset = static_cast<std::uint32_t>(offset);
  c.size = size & largest_value;
  c.state_bits = static_cast<std::uint32_t>(cell_state::value) & 3U;
  return c;
}

std::string number(std::size_t n) { return std::to_string(n); }

} // namespace

emitted_rows::emitted_rows(const table_schema& output, bool append, bool as_input)
    : output_(output), width_(output.columns.size()), append_(append), as_input_(as_input) {}

void emitted_rows::begin(const batch& rows, bool flushing) {
  rows_ = &rows;
  flushing_ = flushing;
  incoming_ = rows.changes.data();
  count_ = rows.changes.size();
  first_cell_ = rows.cells.size();
  may_keep_ = flushing ? 0 : count_;
  arena_ = reinterpret_cast<std::uintptr_t>(rows.arena.data());
  arena_size_ = rows.arena.size();
  largest_in_arena_ = std::min<std::size_t>(arena_size_, largest_value);
  bytes_.clear();
  used_ = 0;
  made_ = 0;
}

void emitted_rows::refuse_keeping(std::uint32_t i) const {
  if (flushing_) throw std::string("there is no change to keep in flush()");
  if (i >= count_) throw "it keeps change " + number(i) + ", and the batch has " + number(count_);
  throw std::string("it keeps a row, and its output has other columns than its input");
}

void emitted_rows::emit(const leat_emission& e) {
  const bool has_new = e.kind != LEAT_REMOVE && e.kind != LEAT_TRUNCATE;
  const bool has_old = e.old_kind != LEAT_OLD_NONE && e.kind != LEAT_TRUNCATE;
  const bool fits = e.kind <= LEAT_READ && e.old_kind <= LEAT_OLD_FULL
                    && has_new == (e.new_row != nullptr) && has_old == (e.old_row != nullptr)
                    && (e.kind != LEAT_REMOVE || has_old)
                    && (e.width == width_ || !(has_new || has_old));
  if (!fits || (flushing_ ? append_ : !may_come_of(e))) [[unlikely]]
    refuse_emission(e);
  change c;
  if (flushing_) {
    c.index = made_;
  } else {
    in_order(e.from);
    c = incoming_[e.from];
  }
  c.kind = static_cast<change_kind>(e.kind);
  c.old_kind = static_cast<old_row_kind>(e.old_kind);
  c.old_row = has_old ? add_keyed_row(e.old_row, "an old row") : change::no_row;
  c.new_row = has_new ? add_keyed_row(e.new_row, "a row") : change::no_row;
  add_change(c);
}

/// A row of a snapshot may become anything at a target with keys, and nothing else one of a
/// snapshot.
bool emitted_rows::may_come_of(const leat_emission& e) const {
  if (e.from >= count_) return false;
  const bool was_read = incoming_[e.from].kind == change_kind::read;
  return was_read == (e.kind == LEAT_READ) || (was_read && !append_);
}

void emitted_rows::refuse_emission(const leat_emission& e) const {
  if (flushing_ && append_)
    throw std::string("it emits a row in flush(), and the route appends: such a row has no place "
                      "in the stream that a replay would give again");
  if (!flushing_ && e.from >= count_)
    throw "it emits a row from change " + number(e.from) + ", and the batch has " + number(count_);
  if (e.kind > LEAT_READ || e.old_kind > LEAT_OLD_FULL)
    throw "it emits a row of kind " + number(e.kind) + " with an old row of kind "
        + number(e.old_kind) + ", which do not exist";
  if (!flushing_ && !may_come_of(e))
    throw std::string("it emits a LEAT_READ of a change that is none, or something else of one "
                      "into a route that appends");
  const bool has_new = e.kind != LEAT_REMOVE && e.kind != LEAT_TRUNCATE;
  const bool has_old = e.old_kind != LEAT_OLD_NONE && e.kind != LEAT_TRUNCATE;
  if (has_new != (e.new_row != nullptr) || has_old != (e.old_row != nullptr))
    throw std::string("it emits a change that has a row too few or too many for its kind");
  if (!has_old && !has_new && e.kind == LEAT_REMOVE)
    throw std::string("it emits a LEAT_REMOVE without an old row");
  throw "it emits a row of " + number(e.width) + " cells, and its output has " + number(width_)
      + " columns";
}

void emitted_rows::remove_left(std::uint32_t from, const std::vector<std::uint16_t>& key) {
  if (made_ != 0 && last_ == from) return;
  in_order(from);
  auto c = rows_->changes[from];
  const auto old = rows_->old_row(c);
  std::vector<leat_value> row(width_, {"", 0, LEAT_ABSENT});
  for (std::size_t i = 0; i < key.size(); ++i) {
    const auto value = old[key[i]];
    row[output_.key[i]] = {rows_->arena.data() + value.offset, value.size,
                           static_cast<std::uint32_t>(value.state())};
  }
  c.kind = change_kind::remove;
  c.old_kind = old_row_kind::key;
  c.new_row = change::no_row;
  c.old_row = add_keyed_row(row.data(), "an old row");
  add_change(c);
}

void emitted_rows::refuse_order(std::uint32_t from) const {
  if (from < last_)
    throw "it emits a row of change " + number(from) + " behind one of change " + number(last_)
        + ": rows keep their order";
  throw "it emits two rows of change " + number(from)
      + ", and the route appends: a change is one row there";
}

std::uint32_t emitted_rows::add_keyed_row(const leat_value* values, const char* which) {
  const auto first = used_;
  const auto width = width_;
  used_ += width;
  if (used_ > cells_.size()) cells_.resize(std::max(used_, 2 * cells_.size()));
  auto* out = cells_.data() + first;
  const auto arena = arena_;
  const auto size = arena_size_;
  const auto largest = largest_in_arena_;
  for (std::size_t i = 0; i < width; ++i, ++out) {
    const auto& v = values[i];
    // Below the arena the difference wraps, and is as large as beyond it.
    const auto at = reinterpret_cast<std::uintptr_t>(v.data) - arena;
    if (v.state == LEAT_VALUE && v.size <= largest && at <= size - v.size) [[likely]]
      *out = value_at(at, v.size);
    else
      *out = add(v, i);
  }
  const auto* made = cells_.data() + first;
  for (const auto k : output_.key)
    if (!made[k].has_value() && !(append_ && made[k].is_null())) [[unlikely]]
      refuse_key(k, which);
  return static_cast<std::uint32_t>(first_cell_ + first);
}

/// A cell that is no bytes of the batch.
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
  const auto at = arena_size_ + bytes_.size();
  if (at + v.size > std::numeric_limits<std::uint32_t>::max())
    throw std::string("it emits more than 4 GiB for one batch");
  bytes_.append(v.data, v.size);
  return value_at(at, v.size);
}

/// A target cannot find a row by half a key.
void emitted_rows::refuse_key(std::size_t column, const char* which) const {
  throw "it emits " + std::string(which) + " without a value in column "
      + output_.columns[column].name + ", which is part of its key";
}

void emitted_rows::finish(batch& rows) {
  rows.cells.insert(rows.cells.end(), cells_.begin(),
                    cells_.begin() + static_cast<std::ptrdiff_t>(used_));
  rows.arena += bytes_;
  changes_.resize(made_);
  rows.changes.swap(changes_);
  room_ = changes_.size();
  // The next batch is rarely as large.
  if (bytes_.capacity() > largest_kept) std::string().swap(bytes_);
  if (cells_.capacity() * sizeof(cell) > largest_kept) std::vector<cell>().swap(cells_);
  rows_ = nullptr;
}

} // namespace leat::shared_objects
