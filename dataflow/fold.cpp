#include "dataflow/fold.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

#include <xxhash.h>

#include "dataflow/error.hpp"

namespace leat {

namespace {

constexpr std::size_t smallest_table = 1024;
constexpr std::size_t kept_bytes = 256U << 10;

/// A route that was busy once does not cost its size for ever: there may be a thousand (R9).
template <class Container>
void reset(Container& c) {
  if (c.capacity() * sizeof(typename Container::value_type) > kept_bytes)
    c = Container();
  else
    c.clear();
}

} // namespace

void split_key(std::string_view encoded, std::vector<std::string_view>& texts) {
  texts.clear();
  while (!encoded.empty()) {
    std::uint32_t size = 0;
    std::memcpy(&size, encoded.data(), sizeof size);
    texts.push_back(encoded.substr(sizeof size, size));
    encoded.remove_prefix(sizeof size + size);
  }
}

/// A new row on its way in.
struct fold::incoming {
  const batch& rows;
  const change& what;
  std::uint32_t batch_number;
  std::span<const cell> cells;
  std::span<const cell> old_cells; ///< fills unchanged cells: all when it is full, else the key's
  std::uint32_t key;

  located at(std::size_t column) const {
    if (came(cells[column].state()) || old_cells.empty() || !came(old_cells[column].state()))
      return {batch_number, cells[column]};
    return {batch_number, old_cells[column]};
  }
};

fold::fold(route_ptr route) : route_(std::move(route)), table_(smallest_table, fold_entry::none) {}

void fold::set_settled(bool settled) {
  settled_ = settled;
  read_.clear();
}

void fold::add(const batch_ptr& rows, std::span<const std::uint32_t> changes) {
  if (changes.empty()) return;
  if (batches_.empty() || batches_.back() != rows) {
    batches_.push_back(rows);
    batch_bytes_ += rows->bytes();
  }
  const auto number = static_cast<std::uint32_t>(batches_.size() - 1);
  taken_ += changes.size();
  for (const auto i : changes) take(rows->changes[i], number);
}

void fold::take(const change& c, std::uint32_t batch_number) {
  const auto& rows = *batches_[batch_number];
  if (rows.schema_of(c).columns.size() != route_->schema->columns.size())
    throw error(error_kind::bug, "a batch has another version of its table than the route",
                route_->target, "report this");
  switch (c.kind) {
  case change_kind::truncate:
    return take_truncate();
  case change_kind::remove:
    return take_remove(c, batch_number);
  case change_kind::read:
  case change_kind::insert:
    ++fresh_;
    break;
  case change_kind::update:
    break;
  }
  const auto cells = rows.new_row(c);
  const auto old_row = rows.old_row(c);
  const bool gaps =
      std::any_of(cells.begin(), cells.end(), [](cell v) { return !came(v.state()); });
  const auto filling = gaps ? old_row : std::span<const cell>{};
  const auto key = intern_key(rows, cells, old_row);
  if (c.kind == change_kind::read && settled_) read_.insert(keys_[key].hash);
  const incoming row{rows, c, batch_number, cells, filling, key};
  if (c.kind != change_kind::update || old_row.empty()) return take_row(row);
  const auto old_key = intern_key(rows, old_row, {});
  if (old_key == key) return take_row(row);
  take_move(row, old_key);
}

void fold::take_truncate() {
  if (route_->removal == delete_mode::ignore) return;
  truncated_ = true;
  if (route_->removal == delete_mode::soft) {
    for (auto& e : entries_) e.deleted = e.kind != fold_kind::removed && e.kind != fold_kind::lost;
    return;
  }
  entries_.clear();
  for (auto& k : keys_) k.entry = fold_entry::none;
}

void fold::take_remove(const change& c, std::uint32_t batch_number) {
  if (route_->removal == delete_mode::ignore) return;
  const auto& rows = *batches_[batch_number];
  let_go(intern_key(rows, rows.old_row(c), {}));
}

/// The key's row goes away: by a delete, or because an update moved it.
void fold::let_go(std::uint32_t key_number) {
  auto& e = entry_of(key_number);
  const bool known = e.kind != fold_kind::removed && e.kind != fold_kind::lost;
  if (route_->removal == delete_mode::soft && known) {
    e.deleted = true;
    return;
  }
  e = fold_entry{.kind = fold_kind::removed, .key = key_number};
}

void fold::take_row(const incoming& row) {
  const bool known = keys_[row.key].entry != fold_entry::none;
  auto& e = entry_of(row.key);
  if (complete(row)) {
    set_row(e, row, nullptr);
    e.kind = fold_kind::upsert;
    return;
  }
  if (row.what.kind == change_kind::insert) {
    // An update that enters the publication's row filter: a row that the target has under this key,
    // marked as deleted or kept, is another one.
    e = fold_entry{.kind = fold_kind::lost, .key = row.key};
    return;
  }
  if (known || truncated_) return take_same_key(row, e);
  set_row(e, row, nullptr);
  e.kind = fold_kind::partial;
}

/// An update that leaves cells unchanged, on a key whose row is known or known to be gone.
void fold::take_same_key(const incoming& row, fold_entry& e) {
  if (e.deleted || e.kind == fold_kind::removed || e.kind == fold_kind::lost) {
    e = fold_entry{.kind = fold_kind::lost, .key = row.key};
    return;
  }
  const auto earlier = e;
  set_row(e, row, &earlier);
  if (earlier.kind == fold_kind::upsert || complete(e)) {
    e.kind = fold_kind::upsert;
    e.base = fold_entry::none;
  }
}

void fold::take_move(const incoming& row, std::uint32_t old_key) {
  const auto number = keys_[old_key].entry;
  const bool known = number != fold_entry::none;
  // With no entry the row stands at the target under its old key, unless a truncate took it.
  const auto unknown = truncated_ ? fold_kind::removed : fold_kind::partial;
  const auto source = known ? entries_[number] : fold_entry{.kind = unknown, .key = old_key};
  let_go(old_key);
  auto& e = entry_of(row.key);
  const auto lose = [&] { e = fold_entry{.kind = fold_kind::lost, .key = row.key}; };

  if (complete(row)) {
    set_row(e, row, nullptr);
    e.kind = fold_kind::upsert;
    return;
  }
  if (source.deleted || source.kind == fold_kind::removed || source.kind == fold_kind::lost)
    return lose();
  // A chunk's cells may be of a later row that has taken the old key since (R6).
  if (source.from_chunk) return lose();
  set_row(e, row, known ? &source : nullptr);
  if (source.kind == fold_kind::upsert || complete(e)) {
    e.kind = fold_kind::upsert;
    return;
  }
  if (!settled_ || read_.contains(keys_[old_key].hash)) return lose();
  e.base = source.kind == fold_kind::moved ? source.base : old_key;
  e.kind = e.base == e.key ? fold_kind::partial : fold_kind::moved;
  if (e.kind == fold_kind::partial) e.base = fold_entry::none;
}

/// Writes the cells of `e`: those that came, else those of `earlier`. Leaves kind and base to the
/// caller when there is an earlier row.
void fold::set_row(fold_entry& e, const incoming& row, const fold_entry* earlier) {
  const auto key = row.key;
  const bool chunk = row.what.kind == change_kind::read;
  if (!earlier) e = fold_entry{.key = key};
  e.deleted = false;
  e.from_chunk = chunk || (earlier && earlier->from_chunk);
  if (!earlier && row.old_cells.empty()) {
    e.batch = row.batch_number;
    e.first = row.what.new_row;
    return;
  }
  const auto width = row.cells.size();
  // A row that is mixed already, and this entry's own, is overwritten where it stands.
  const bool in_place = earlier && earlier->batch == fold_entry::none && earlier->key == key;
  const auto first = in_place ? earlier->first : static_cast<std::uint32_t>(mixed_.size());
  if (!in_place) mixed_.resize(mixed_.size() + width);
  for (std::size_t i = 0; i < width; ++i) {
    auto cell_in = row.at(i);
    if (!came(cell_in.value.state()) && earlier) cell_in = at(*earlier, i);
    mixed_[first + i] = cell_in;
  }
  e.batch = fold_entry::none;
  e.first = first;
}

bool fold::complete(const incoming& row) const {
  return std::all_of(route_->columns.begin(), route_->columns.end(),
                     [&](const auto& c) { return came(row.at(c.source).value.state()); });
}

bool fold::complete(const fold_entry& e) const {
  return std::all_of(route_->columns.begin(), route_->columns.end(),
                     [&](const auto& c) { return came(at(e, c.source).value.state()); });
}

fold::located fold::at(const fold_entry& e, std::size_t column) const {
  if (e.batch == fold_entry::none) return mixed_[e.first + column];
  return {e.batch, batches_[e.batch]->cells[e.first + column]};
}

// These two not by way of at(): making its answer takes longer than all the rest.

cell_state fold::state(const fold_entry& e, std::size_t column) const {
  if (e.batch == fold_entry::none) return mixed_[e.first + column].value.state();
  return batches_[e.batch]->cells[e.first + column].state();
}

std::string_view fold::text(const fold_entry& e, std::size_t column) const {
  if (e.batch == fold_entry::none) {
    const auto& place = mixed_[e.first + column];
    return batches_[place.batch]->text(place.value);
  }
  const auto& rows = *batches_[e.batch];
  return rows.text(rows.cells[e.first + column]);
}

std::optional<position> fold::position_of(const fold_entry& e) const {
  if (e.batch == fold_entry::none) return std::nullopt;
  const auto& rows = *batches_[e.batch];
  const auto at = std::find_if(rows.changes.begin(), rows.changes.end(), [&](const change& c) {
    return c.new_row == e.first || c.old_row == e.first;
  });
  return at == rows.changes.end() ? std::nullopt : std::optional(rows.position_of(*at));
}

fold_entry& fold::entry_of(std::uint32_t key_number) {
  auto& number = keys_[key_number].entry;
  if (number == fold_entry::none) {
    number = static_cast<std::uint32_t>(entries_.size());
    entries_.push_back(fold_entry{.kind = fold_kind::removed, .key = key_number});
  }
  return entries_[number];
}

/// `other`: the old row, which has the key's cells that a new row leaves out as unchanged.
std::uint32_t fold::intern_key(const batch& rows, std::span<const cell> row,
                               std::span<const cell> other) {
  scratch_.clear();
  bool whole = !row.empty();
  for (const auto column : route_->source_key) whole = whole && row[column].has_value();
  if (whole) {
    append_key(scratch_, rows, row, route_->source_key);
    return find_or_add(scratch_);
  }
  for (const auto column : route_->source_key) {
    const bool here = !row.empty() && row[column].has_value();
    const bool there = !row.empty() && row[column].state() == cell_state::unchanged
                       && !other.empty() && other[column].has_value();
    if (!here && !there)
      throw error(error_kind::sink,
                  "key column \"" + route_->schema->columns[column].name
                      + "\" is NULL or did not come with a change",
                  route_->schema->qualified_name() + " to " + route_->target,
                  "give the route a key of NOT NULL columns that are part of the table's "
                  "REPLICA IDENTITY");
    const std::uint16_t one[] = {column};
    append_key(scratch_, rows, here ? row : other, one);
  }
  return find_or_add(scratch_);
}

std::uint32_t fold::find_or_add(std::string_view encoded) {
  const auto hash = XXH3_64bits(encoded.data(), encoded.size());
  const auto mask = table_.size() - 1;
  auto slot = hash & mask;
  for (; table_[slot] != fold_entry::none; slot = (slot + 1) & mask) {
    const auto& k = keys_[table_[slot]];
    if (k.hash == hash && k.size == encoded.size()
        && std::memcmp(key_bytes_.data() + k.offset, encoded.data(), encoded.size()) == 0)
      return table_[slot];
  }
  const auto number = static_cast<std::uint32_t>(keys_.size());
  keys_.push_back(
      {hash, key_bytes_.size(), static_cast<std::uint32_t>(encoded.size()), fold_entry::none});
  key_bytes_.append(encoded);
  table_[slot] = number;
  if (keys_.size() * 2 > table_.size()) grow();
  return number;
}

void fold::grow() {
  std::vector<std::uint32_t> larger(table_.size() * 4, fold_entry::none);
  const auto mask = larger.size() - 1;
  for (std::uint32_t i = 0; i < keys_.size(); ++i) {
    auto slot = keys_[i].hash & mask;
    while (larger[slot] != fold_entry::none) slot = (slot + 1) & mask;
    larger[slot] = i;
  }
  table_ = std::move(larger);
}

std::string_view fold::key_bytes(std::uint32_t number) const {
  const auto& k = keys_[number];
  return std::string_view(key_bytes_).substr(k.offset, k.size);
}

std::string_view fold::key_text(std::uint32_t number, std::size_t i) const {
  auto rest = key_bytes(number);
  for (;; --i) {
    std::uint32_t size = 0;
    std::memcpy(&size, rest.data(), sizeof size);
    if (i == 0) return rest.substr(sizeof size, size);
    rest.remove_prefix(sizeof size + size);
  }
}

std::vector<std::string_view> fold::key(std::uint32_t number) const {
  std::vector<std::string_view> texts;
  split_key(key_bytes(number), texts);
  return texts;
}

std::vector<std::string> fold::key_texts(std::uint32_t number) const {
  const auto texts = key(number);
  return {texts.begin(), texts.end()};
}

std::size_t fold::retained() const {
  return batch_bytes_ + entries_.size() * sizeof(fold_entry) + mixed_.size() * sizeof(located)
         + keys_.size() * (sizeof(key_place) + 4 * sizeof(std::uint32_t)) + key_bytes_.size();
}

void fold::clear() {
  if (table_.size() * sizeof table_.front() > kept_bytes)
    table_ = std::vector<std::uint32_t>(smallest_table);
  std::fill(table_.begin(), table_.end(), fold_entry::none);
  taken_ = 0;
  fresh_ = 0;
  truncated_ = false;
  batch_bytes_ = 0;
  reset(batches_);
  reset(entries_);
  reset(mixed_);
  reset(keys_);
  reset(key_bytes_);
}

void fold::hand_over(fold& other) {
  std::swap(truncated_, other.truncated_);
  std::swap(batches_, other.batches_);
  std::swap(batch_bytes_, other.batch_bytes_);
  std::swap(entries_, other.entries_);
  std::swap(mixed_, other.mixed_);
  std::swap(keys_, other.keys_);
  std::swap(table_, other.table_);
  std::swap(key_bytes_, other.key_bytes_);
  clear();
}

} // namespace leat
