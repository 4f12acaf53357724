#include "tests/support/snapshot_model.hpp"

#include <algorithm>
#include <limits>
#include <utility>

namespace leat::model {

namespace {

constexpr std::uint16_t key_column = 0;
constexpr std::span<const std::uint16_t> key_columns{&key_column, 1};
constexpr std::uint32_t everything = std::numeric_limits<std::uint32_t>::max();

schema_ptr the_schema() {
  static const auto schema = [] {
    table_schema s;
    s.name = "t";
    s.columns.resize(2);
    s.key = {key_column};
    return std::make_shared<const table_schema>(std::move(s));
  }();
  return schema;
}

std::uint32_t add_row(batch& b, std::uint8_t key, bool whole) {
  const auto first = static_cast<std::uint32_t>(b.cells.size());
  const char text = static_cast<char>('a' + key);
  b.cells.push_back(b.add_value({&text, 1}));
  b.cells.push_back(batch::make_state(whole ? cell_state::null : cell_state::absent));
  return first;
}

batch batch_of(std::uint64_t xid, std::size_t commit) {
  batch b;
  b.tables.push_back(the_schema());
  b.transactions.push_back({.xid = static_cast<std::uint32_t>(xid), .commit = commit_lsn{commit}});
  return b;
}

} // namespace

history::history(std::uint64_t seed, const rules& r)
    : rules_(r), random_(seed), source_(random_), delivery_(1 + random_.below(12)),
      visibility_(random_.chance(2) ? 1 : 1 + random_.below(12)), reading_(2 + random_.below(20)),
      calm_(1 + random_.below(12)), slowness_(1 + random_.below(6)),
      limit_(random_.chance(4) ? random_.below(1000) : std::size_t{1} << 20), merge_(limit_) {}

std::optional<std::string> history::run() {
  start();
  const auto steps = 100 + random_.below(200);
  for (std::uint32_t i = 0; i < steps && !failure_; ++i) step();
  if (!failure_) drain();
  return failure_;
}

void history::start() {
  for (int i = 0; i < 25; ++i) {
    source_.step();
    if (random_.chance(3)) source_.make_visible(random_.below(5));
  }
  source_.publish();
  passed_ = source_.wal().size();
  for (const auto& t : source_.wal())
    for (const auto& w : t.writes) apply(w, truth_);
  read_fence();
  for (std::uint8_t k = 0; k < key_count;) {
    const auto upper =
        static_cast<std::uint8_t>(std::min(k + 1 + random_.below(4), std::uint32_t{key_count}));
    pending_.push_back({k, upper});
    k = upper;
  }
  for (auto& t : targets_) {
    for (auto& row : t.live.rows) row = random_.below(2) * (1U << 30);
    t.live.position = passed_;
  }
  cut();
  for (auto& t : targets_) commit_target(t);
}

void history::step() {
  auto what = random_.below(22 + delivery_ + visibility_ + reading_);
  const auto is = [&](std::uint32_t weight) {
    if (what < weight) return true;
    what -= weight;
    return false;
  };
  if (is(12)) return source_.step();
  if (is(delivery_)) return deliver(1 + random_.below(6));
  if (is(visibility_)) return source_.make_visible(random_.below(6));
  if (is(reading_)) return read();
  if (is(2)) return probe();
  if (is(2)) return between_transactions() ? cut() : void();
  if (is(4)) return commit_target(targets_[(seen_.restarts + random_.chance(slowness_)) % 2]);
  if (is(1)) return random_.chance(calm_) ? crash() : void();
  if (!random_.chance(12)) return;
  source_.crash();
  stream_lost_ = true;
  ++seen_.source_crashes;
}

void history::read() {
  auto& r = readers_[random_.below(2)];
  switch (random_.below(3)) {
  case 0:
    return ask(r);
  case 1:
    return answer(r);
  default:
    return arrive(r);
  }
}

// The stream catches up with a quiet source, and then with one that goes on.
void history::drain() {
  source_.settle();
  for (int i = 0; i < 200 && !failure_; ++i) {
    deliver(everything);
    for (auto& r : readers_) {
      ask(r);
      answer(r);
      arrive(r);
    }
    if (std::ranges::all_of(targets_, [](const auto& t) { return t.live.finished; })) break;
  }
  for (const auto& t : targets_)
    if (!t.live.finished && !failure_) failure_ = "the snapshot did not end";
  for (int i = 0; i < 20 && !failure_; ++i) {
    source_.step();
    deliver(1);
  }
  source_.settle();
  deliver(everything);
}

void history::deliver(std::uint32_t changes) {
  if (stream_lost_) reconnect();
  while (changes > 0 && passed_ < source_.wal().size() && !failure_) {
    const auto& t = source_.wal()[passed_];
    const auto to = std::min(t.writes.size(), write_ + std::size_t{changes});
    const auto taken = static_cast<std::uint32_t>(std::max(to - write_, std::size_t{1}));
    pass(t, write_, to);
    for (; write_ < to; ++write_)
      for (auto& to_target : targets_) apply_to(to_target, t, t.writes[write_]);
    changes -= std::min(changes, taken);
    if (write_ == t.writes.size()) transaction_passed();
  }
}

void history::pass(const source_transaction& t, std::size_t from, std::size_t to) {
  const auto is_open = [](const reader& r) { return r.state != reader_state::idle; };
  if (!rules_.remembers_in_window && std::ranges::any_of(readers_, is_open)) return;
  auto b = batch_of(t.xid, passed_ + 1);
  std::vector<std::uint32_t> changes;
  for (auto i = from; i < to; ++i) {
    const auto& w = t.writes[i];
    if (!w.sent) continue;
    if (w.kind == change_kind::truncate && !rules_.truncate_touches_all) continue;
    if (w.kind == change_kind::remove && !rules_.remove_touches) continue;
    change c{.kind = w.kind, .index = i};
    const bool has_old = w.kind == change_kind::remove || (w.moves && rules_.move_touches_old_key);
    const bool has_new = (w.kind == change_kind::insert || w.kind == change_kind::update);
    if (has_old) c.old_row = add_row(b, w.old_key, false);
    if (has_new) c.new_row = add_row(b, w.new_key, true);
    changes.push_back(static_cast<std::uint32_t>(b.changes.size()));
    b.changes.push_back(c);
  }
  if (!changes.empty()) merge_.pass(b, changes, key_columns);
}

void history::apply_to(target& to, const source_transaction& t, const row_write& w) const {
  if (!w.sent || passed_ < to.drop_until) return;
  if (!rules_.applies_what_chunks_hold && filter_ && filter_->sees(t.xid)) return;
  apply(w, to.live.rows);
  if (w.kind == change_kind::insert || w.kind == change_kind::update)
    to.live.brought = static_cast<std::uint8_t>(to.live.brought | (1U << w.new_key));
}

void history::transaction_passed() {
  for (const auto& w : source_.wal()[passed_].writes) apply(w, truth_);
  ++passed_;
  write_ = 0;
  for (auto& t : targets_) t.live.position = std::max(t.live.position, passed_);
  check();
}

// The epoch's checkpoint is saved, and the targets have prepared.
void history::cut() {
  saved s{.epoch = next_epoch_,
          .position = passed_,
          .touched = merge_.touched(),
          .pending = pending_,
          .high = high_,
          .truth = truth_};
  for (const auto& r : readers_)
    if (r.state != reader_state::idle) s.pending.push_back(r.chunk);
  checkpoints_.push_back(std::move(s));
  for (auto& t : targets_) {
    t.live.epoch = next_epoch_;
    t.prepared.push_back(t.live);
  }
  ++next_epoch_;
}

void history::commit_target(target& t) {
  if (t.prepared.empty()) return;
  t.committed = t.prepared.front();
  t.prepared.erase(t.prepared.begin());
}

void history::crash() {
  const auto& [a, b] = targets_;
  const auto rearmost = std::min(a.committed.epoch, b.committed.epoch);
  const auto taken = std::ranges::find_if(checkpoints_.rbegin(), checkpoints_.rend(),
                                          [&](const saved& s) { return s.epoch <= rearmost; });
  const auto from = *taken;
  if (rules_.truncates_checkpoints) checkpoints_.erase(taken.base(), checkpoints_.end());
  next_epoch_ =
      1 + (rules_.spends_epochs_once ? std::max(a.committed.epoch, b.committed.epoch) : from.epoch);
  passed_ = from.position;
  write_ = 0;
  truth_ = from.truth;
  pending_ = from.pending;
  high_ = from.high;
  merge_ = snapshot_merge(limit_);
  if (rules_.restores_touched) merge_.restore(from.touched);
  readers_ = {};
  probe_ = {};
  filter_.reset();
  for (auto& t : targets_) {
    t.live = t.committed;
    t.prepared.clear();
    t.drop_until = t.committed.position;
    foremost_ = std::max(foremost_, t.drop_until);
    if (t.drop_until > passed_) ++seen_.ahead;
  }
  ++seen_.restarts;
  if (std::exchange(stream_lost_, false)) read_fence();
}

void history::reconnect() {
  stream_lost_ = false;
  if (rules_.hears_of_source_crash) merge_.source_restarted();
  read_fence();
}

void history::read_fence() { fence_ = rules_.waits_for_fence ? source_.next_xid() : 0; }

void history::ask(reader& r) {
  if (r.state != reader_state::idle || pending_.empty()) return;
  if (rules_.waits_for_foremost && passed_ < foremost_) return;
  if (!rules_.remembers_before_window && readers_[0].state == readers_[1].state)
    merge_ = snapshot_merge(limit_);
  const auto i = random_.below(static_cast<std::uint32_t>(pending_.size()));
  r.chunk = pending_[i];
  pending_.erase(pending_.begin() + i);
  r.state = reader_state::asked;
  if (rules_.opens_before_snapshot) r.window = merge_.open();
}

void history::answer(reader& r) {
  if (r.state != reader_state::asked || source_.locked_for_readers()) return;
  r.seen = source_.snapshot();
  r.high = source_.wal().size();
  r.rows = source_.visible();
  r.state = reader_state::answered;
}

void history::arrive(reader& r) {
  if (r.state != reader_state::answered) return;
  if (!rules_.opens_before_snapshot) r.window = merge_.open();
  if (random_.chance(8)) {
    merge_.abandon(r.window);
    return give_back(r);
  }
  if (!r.seen.passed_fence(fence_)) {
    merge_.learn(r.window, r.seen);
    return give_back(r);
  }
  const auto filter = admit(r);
  if (!filter) {
    ++seen_.rejected;
    return give_back(r);
  }
  emit(r, *filter);
  r.state = reader_state::idle;
  high_ = std::max(high_, r.high);
  filter_ = r.seen;
  check();
}

std::optional<chunk_filter> history::admit(reader& r) {
  if (!rules_.overflow_rejects) {
    auto touched = merge_.touched();
    std::erase_if(touched, [](const auto& entry) { return entry.second.overflowed; });
    merge_.restore(std::move(touched));
  }
  return merge_.admit(r.window, r.seen);
}

void history::give_back(reader& r) {
  r.state = reader_state::idle;
  auto [lower, upper] = r.chunk;
  if (upper - lower > 1 && random_.chance(2)) {
    pending_.push_back({lower, static_cast<std::uint8_t>(lower + 1)});
    ++lower;
  }
  pending_.push_back({lower, upper});
}

void history::emit(const reader& r, const chunk_filter& filter) {
  auto b = batch_of(0, r.high);
  for (auto k = r.chunk.lower; k < r.chunk.upper; ++k)
    if (r.rows[k] != 0)
      b.changes.push_back({.kind = change_kind::read, .new_row = add_row(b, k, true), .index = k});
  const auto chosen = filter.select(b, key_columns);
  for (auto& t : targets_) {
    if (rules_.spares_consistent_targets && t.live.finished) continue;
    for (const auto i : chosen) {
      const auto k = b.changes[i].index;
      t.live.rows[k] = r.rows[k];
      t.live.brought = static_cast<std::uint8_t>(t.live.brought | (1U << k));
    }
  }
  ++seen_.admitted;
  seen_.rows_dropped += b.changes.size() - chosen.size();
}

// A snapshot without rows, which takes its time, too.
void history::probe() {
  if (probe_.state == reader_state::idle) {
    probe_.window = merge_.open();
    probe_.state = reader_state::asked;
  } else if (probe_.state == reader_state::asked) {
    probe_.seen = source_.snapshot();
    probe_.state = reader_state::answered;
  } else {
    merge_.learn(probe_.window, probe_.seen);
    probe_.state = reader_state::idle;
  }
}

bool history::all_chunks_passed() const {
  const auto is_idle = [](const reader& r) { return r.state == reader_state::idle; };
  if (!pending_.empty() || !std::ranges::all_of(readers_, is_idle)) return false;
  return passed_ >= high_ || !rules_.waits_for_high;
}

void history::check() {
  if (!between_transactions()) return;
  for (auto& t : targets_) {
    if (passed_ < t.drop_until) continue;
    if (all_chunks_passed() && !std::exchange(t.live.finished, true) && rules_.sweeps_old_rows)
      for (std::size_t k = 0; k < key_count; ++k)
        if ((t.live.brought & (1U << k)) == 0) t.live.rows[k] = 0;
    if (t.live.finished && t.live.rows != truth_)
      failure_ = "a consistent target differs from the source";
  }
}

} // namespace leat::model
