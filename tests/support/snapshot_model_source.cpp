#include <algorithm>

#include "tests/support/snapshot_model.hpp"

namespace leat::model {

std::uint64_t random::next() {
  state_ += 0x9e3779b97f4a7c15U;
  auto z = state_;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9U;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebU;
  return z ^ (z >> 31);
}

void apply(const row_write& w, table& t) {
  if (w.kind == change_kind::truncate) {
    t = {};
    return;
  }
  if (w.kind == change_kind::remove || w.moves) t[w.old_key] = 0;
  if (w.kind != change_kind::remove) t[w.new_key] = w.value;
}

// xids begin around the wrap of their low half.
source::source(random& r)
    : random_(r), next_xid_((std::uint64_t{4} << 32) - 10 + r.below(20)),
      latest_completed_(next_xid_ - 1) {}

void source::step() {
  const auto what = random_.below(16);
  if (running_.empty() || (what < 3 && running_.size() < 5)) return begin();
  auto& t = running_[random_.below(static_cast<std::uint32_t>(running_.size()))];
  if (t.committed) return;
  if (what < 13) return write(t);
  if (what < 15) return commit(t);
  if (random_.chance(3)) finish(static_cast<std::size_t>(&t - running_.data()));
}

void source::settle() {
  for (auto& t : running_)
    if (!t.committed) commit(t);
  while (!running_.empty())
    make_visible(random_.below(static_cast<std::uint32_t>(running_.size())));
}

void source::publish() {
  for (auto& t : running_)
    if (!t.committed && random_.chance(2))
      for (auto& w : t.writes) w.sent = false;
}

void source::publish(std::uint8_t bits) {
  for (auto& t : running_)
    if (!t.committed)
      for (auto& w : t.writes) w.unpublished = static_cast<std::uint8_t>(w.unpublished | bits);
}

// Transactions that left no trace in the WAL are gone, and their xids come again.
void source::crash() {
  std::erase_if(running_, [](const auto& t) { return !t.committed; });
  while (!running_.empty()) make_visible(0);
  std::uint64_t traced = next_xid_ - 1 - random_.below(6);
  for (const auto& t : wal_) traced = std::max(traced, t.xid);
  next_xid_ = traced + 1;
  latest_completed_ = traced;
}

void source::make_visible(std::size_t i) {
  if (i >= running_.size() || !running_[i].committed) return;
  for (const auto& w : running_[i].writes) apply(w, visible_);
  finish(i);
}

void source::begin() { running_.push_back({.xid = next_xid_++, .writes = {}}); }

void source::commit(source_transaction& t) {
  t.committed = true;
  wal_.push_back(t);
}

void source::finish(std::size_t i) {
  latest_completed_ = std::max(latest_completed_, running_[i].xid);
  running_.erase(running_.begin() + static_cast<std::ptrdiff_t>(i));
}

void source::write(source_transaction& t) {
  const auto others = locked_by_others(t);
  if (random_.chance(12)) {
    if (others != 0) return;
    t.locked = all_keys;
    t.truncates = true;
    t.writes.push_back({.kind = change_kind::truncate});
    return;
  }
  const auto now = view(t);
  const auto key = static_cast<std::uint8_t>(random_.below(key_count));
  const auto other = static_cast<std::uint8_t>(random_.below(key_count));
  const bool moves = now[key] != 0 && now[other] == 0 && random_.chance(2);
  const auto mask = static_cast<std::uint8_t>((1U << key) | (moves ? 1U << other : 0U));
  if ((others & mask) != 0) return;
  t.locked = static_cast<std::uint8_t>(t.locked | mask);
  row_write w{.kind = change_kind::insert, .old_key = key, .new_key = key, .value = next_value_++};
  if (now[key] != 0) w.kind = random_.chance(3) ? change_kind::remove : change_kind::update;
  if (moves) {
    w.kind = change_kind::update;
    w.new_key = other;
    w.moves = true;
  }
  t.writes.push_back(w);
}

// Locks are held until the transaction is visible, not just committed.
std::uint8_t source::locked_by_others(const source_transaction& me) const {
  std::uint8_t locked = 0;
  for (const auto& t : running_)
    if (t.xid != me.xid) locked = static_cast<std::uint8_t>(locked | t.locked);
  return locked;
}

table source::view(const source_transaction& t) const {
  auto rows = visible_;
  for (const auto& w : t.writes) apply(w, rows);
  return rows;
}

bool source::locked_for_readers() const {
  return std::ranges::any_of(running_, &source_transaction::truncates);
}

xid_snapshot source::snapshot() const {
  xid_snapshot s;
  s.xmax = latest_completed_ + 1;
  for (const auto& t : running_)
    if (t.xid < s.xmax) s.running.push_back(t.xid);
  std::ranges::sort(s.running);
  s.xmin = s.running.empty() ? s.xmax : s.running.front();
  return s;
}

} // namespace leat::model
