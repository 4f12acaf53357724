#include "dataflow/snapshot_merge.hpp"

#include <xxhash.h>

#include <algorithm>
#include <functional>
#include <utility>

namespace leat {

namespace {

// Sets of so many keys are looked into where they are; all others are put together for a chunk.
constexpr std::size_t large_set = 4096;
constexpr std::size_t most_large_sets = 8;

// Above the keys themselves: a transaction of one row costs its node, too.
constexpr std::size_t entry_bytes = sizeof(touched_keys) + 64;

key_hash hash(std::string_view encoded) {
  const auto h = XXH3_128bits(encoded.data(), encoded.size());
  return {h.low64, h.high64};
}

bool is_older(std::uint32_t xid, std::uint32_t than) {
  return static_cast<std::int32_t>(xid - than) < 0;
}

bool sees(const xid_snapshot& snapshot, const std::pair<const std::uint32_t, touched_keys>& entry) {
  return snapshot_merge::passed_transaction{entry.first, entry.second.and_older}.visible_in(
      snapshot);
}

touched_keys overflow(bool and_older = false) {
  return {.all = false, .overflowed = true, .and_older = and_older, .keys = {}};
}

std::size_t cost(const touched_keys& t) { return entry_bytes + t.keys.bytes(); }

} // namespace

std::vector<std::uint32_t> chunk_filter::select(const batch& rows,
                                                std::span<const std::uint16_t> key) const {
  std::vector<std::uint32_t> chosen;
  if (all_touched_) return chosen;
  chosen.reserve(rows.changes.size());
  std::string encoded;
  for (std::uint32_t i = 0; i < rows.changes.size(); ++i) {
    if (touched_.size() != 0 || !large_.empty()) {
      encoded.clear();
      append_key(encoded, rows, rows.new_row(rows.changes[i]), key);
      const auto h = hash(encoded);
      const auto has = [h](const key_set* set) { return set->contains(h); };
      if (touched_.contains(h) || std::ranges::any_of(large_, has)) continue;
    }
    chosen.push_back(i);
  }
  return chosen;
}

void snapshot_merge::restore(std::map<std::uint32_t, touched_keys> touched) {
  touched_ = std::move(touched);
  bytes_ = 0;
  horizon_.reset();
  for (const auto& [xid, keys] : touched_) {
    bytes_ += cost(keys);
    if (keys.and_older) horizon_ = xid;
  }
  if (bytes_ > max_bytes_) shrink_to(max_bytes_ / 2);
}

std::map<std::uint32_t, touched_keys> snapshot_merge::touched() const {
  if (!newest_) return touched_;
  std::map<std::uint32_t, touched_keys> unseen;
  for (const auto& entry : touched_)
    if (!sees(*newest_, entry)) unseen.insert(unseen.end(), entry);
  return unseen;
}

// An insert touches nothing: had a chunk a row of its key, then a change that took that row away
// came first, and the chunk does not see that one either.
void snapshot_merge::pass(const batch& rows, std::span<const std::uint32_t> changes,
                          std::span<const std::uint16_t> key) {
  if (forgetting_due_) forget_settled();
  auto transaction = change::no_row;
  touched_keys* entry = nullptr;
  for (const auto i : changes) {
    const auto& c = rows.changes[i];
    if (c.kind == change_kind::insert) continue;
    if (c.transaction != transaction) {
      transaction = c.transaction;
      entry = entry_of(rows.transaction_of(c).xid);
    }
    if (entry == nullptr || entry->all) continue;
    bytes_ -= entry->keys.bytes();
    touch(*entry, rows, c, key);
    bytes_ += entry->keys.bytes();
    if (bytes_ <= max_bytes_) continue;
    shrink_to(max_bytes_ / 2);
    transaction = change::no_row;
  }
}

bool snapshot_merge::passed_transaction::visible_in(const xid_snapshot& seen) const {
  return and_older ? seen.widen(xid) < seen.xmin : seen.sees_streamed(xid);
}

std::vector<snapshot_merge::passed_transaction>
snapshot_merge::unseen(const xid_snapshot& seen) const {
  std::vector<passed_transaction> out;
  for (const auto& entry : touched_)
    if (!sees(seen, entry)) out.push_back({entry.first, entry.second.and_older});
  return out;
}

// Nothing for a transaction that every snapshot still to come sees.
touched_keys* snapshot_merge::entry_of(std::uint32_t xid) {
  const auto& seen = settled();
  if (seen && seen->sees_streamed(xid)) return nullptr;
  if (horizon_ && !is_older(*horizon_, xid)) return nullptr;
  const auto [place, is_new] = touched_.try_emplace(xid);
  if (is_new) bytes_ += entry_bytes;
  return &place->second;
}

// What counts is the key of the row as it was before.
void snapshot_merge::touch(touched_keys& entry, const batch& rows, const change& c,
                           std::span<const std::uint16_t> key) {
  if (c.kind == change_kind::truncate) {
    entry = {.all = true, .overflowed = false, .and_older = false, .keys = {}};
    return;
  }
  if (entry.overflowed) return;
  const auto row = c.old_row == change::no_row ? rows.new_row(c) : rows.old_row(c);
  const auto is_known = [&](std::uint16_t column) { return came(row[column]); };
  if (!std::ranges::all_of(key, is_known)) {
    entry = overflow();
    return;
  }
  scratch_.clear();
  append_key(scratch_, rows, row, key);
  entry.keys.insert(hash(scratch_));
}

// The biggest go first, as that costs the fewest chunks that have to wait. Callers go down to half
// of what they may keep, so that it is seldom done.
void snapshot_merge::shrink_to(std::size_t bytes) {
  if (bytes_ <= bytes) return;
  std::vector<touched_keys*> by_size;
  for (auto& [xid, keys] : touched_)
    if (keys.keys.size() != 0) by_size.push_back(&keys);
  std::ranges::sort(by_size, std::greater{}, [](const auto* t) { return t->keys.bytes(); });
  for (auto* t : by_size) {
    if (bytes_ <= bytes) return;
    bytes_ -= t->keys.bytes();
    *t = overflow();
  }
  if (bytes_ > bytes) collapse();
}

// Too many transactions: one entry stands for all.
void snapshot_merge::collapse() {
  const auto newest =
      std::ranges::max_element(touched_, is_older, [](const auto& entry) { return entry.first; });
  if (newest == touched_.end()) return;
  horizon_ = newest->first;
  touched_.clear();
  touched_.emplace(*horizon_, overflow(true));
  bytes_ = entry_bytes;
}

snapshot_merge::window snapshot_merge::open() {
  const window opened{++last_window_};
  windows_.emplace_hint(windows_.end(), opened, newest_);
  return opened;
}

std::optional<chunk_filter> snapshot_merge::admit(window w, const xid_snapshot& seen) {
  if (!windows_.contains(w)) return std::nullopt;
  if (forgetting_due_) forget_settled();
  const bool placeable = std::ranges::none_of(
      touched_, [&](const auto& entry) { return entry.second.overflowed && !sees(seen, entry); });
  std::optional<chunk_filter> filter;
  if (placeable) filter = filter_for(seen);
  close(w, seen);
  forgetting_due_ = true; // not yet: the filter looks into the sets
  return filter;
}

void snapshot_merge::learn(window w, const xid_snapshot& seen) {
  if (!windows_.contains(w)) return;
  close(w, seen);
  forget_settled();
}

void snapshot_merge::close(window w, const xid_snapshot& seen) {
  windows_.erase(w);
  if (!newest_ || seen.sees_as_much_as(*newest_)) newest_ = seen;
}

void snapshot_merge::abandon(window w) {
  if (windows_.erase(w) != 0) forget_settled();
}

void snapshot_merge::source_restarted() {
  newest_.reset();
  windows_.clear();
}

// A snapshot that every one still to come was taken after.
const std::optional<xid_snapshot>& snapshot_merge::settled() const {
  return windows_.empty() ? newest_ : windows_.begin()->second;
}

void snapshot_merge::forget_settled() {
  forgetting_due_ = false;
  const auto& seen = settled();
  if (!seen) return;
  std::erase_if(touched_, [&](const auto& entry) {
    if (!sees(*seen, entry)) return false;
    bytes_ -= cost(entry.second);
    return true;
  });
  if (horizon_ && !touched_.contains(*horizon_)) horizon_.reset();
}

chunk_filter snapshot_merge::filter_for(const xid_snapshot& seen) const {
  chunk_filter filter;
  std::vector<const key_set*> small;
  std::size_t keys = 0;
  for (const auto& entry : touched_) {
    if (sees(seen, entry)) continue;
    const auto& [xid, touched] = entry;
    filter.all_touched_ = filter.all_touched_ || touched.all;
    if (touched.keys.size() >= large_set && filter.large_.size() < most_large_sets) {
      filter.large_.push_back(&touched.keys);
    } else {
      small.push_back(&touched.keys);
      keys += touched.keys.size();
    }
  }
  filter.touched_.reserve(keys);
  for (const auto* set : small) set->for_each([&](key_hash key) { filter.touched_.insert(key); });
  return filter;
}

} // namespace leat
