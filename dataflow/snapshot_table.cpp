#include "dataflow/snapshot_table.hpp"

#include <algorithm>
#include <set>
#include <utility>

namespace leat {

bool takes_part(std::string_view sink, std::string_view target,
                const std::vector<std::string>& sinks) {
  const auto names = [&](std::string_view entry) {
    if (!entry.starts_with(sink)) return false;
    entry.remove_prefix(sink.size());
    return entry.empty() || (entry.front() == '/' && entry.substr(1) == target);
  };
  return sinks.empty() || std::any_of(sinks.begin(), sinks.end(), names);
}

bool is_read_for(std::string_view sink, std::string_view target,
                 const std::vector<std::string>& sinks) {
  return sinks.empty()
         || std::ranges::find(sinks, std::string(sink) + "/" + std::string(target)) != sinks.end();
}

snapshot_table::snapshot_table(schema_ptr schema, std::uint32_t generation,
                               std::vector<std::string> sinks, std::size_t key_bytes,
                               std::shared_ptr<spill_area> spill)
    : schema_(std::move(schema)), merge_(key_bytes), spill_(std::move(spill)) {
  state_.generation = generation;
  state_.sinks = std::move(sinks);
}

snapshot_table::snapshot_table(schema_ptr schema, table_snapshot state, std::size_t key_bytes,
                               std::shared_ptr<spill_area> spill)
    : schema_(std::move(schema)), state_(std::move(state)), merge_(key_bytes),
      spill_(std::move(spill)) {
  chunks_high_ = state_.high;
  settled_ = state_.phase == snapshot_phase::finished;
  merge_.restore(std::move(state_.touched));
  state_.touched.clear();
  const bool read_before =
      state_.phase != snapshot_phase::waiting && state_.phase != snapshot_phase::planning;
  planned_ = read_before || state_.chunks_emitted != 0;
  // What a crash interrupted is asked for again.
  if (state_.phase == snapshot_phase::planning) state_.phase = snapshot_phase::waiting;
  if (holds_changes()) begin_again();
  if (state_.phase == snapshot_phase::waiting) state_.fence_xid = 0;
  settle();
}

table_snapshot snapshot_table::checkpoint_state() const {
  auto copy = state_;
  copy.touched = merge_.touched();
  return copy;
}

void snapshot_table::pass(const batch& rows, std::span<const std::uint32_t> changes) {
  if (tracking() && !schema_->key.empty()) merge_.pass(rows, changes, schema_->key);
}

void snapshot_table::change_schema(const schema_ptr& schema) {
  const bool same = *schema_ == *schema;
  schema_ = schema;
  if (same) return;
  for (auto& [number, flight] : in_flight_) merge_.abandon(flight.window);
  in_flight_.clear();
  give_up_keys();
  asked_ = request_ticket::none;
  described_ = nullptr;
}

void snapshot_table::ask_failed(request_ticket ticket) {
  if (asked_ == ticket) asked_ = request_ticket::none;
}

snapshot_table::flights::iterator snapshot_table::flight_of(request_ticket ticket) {
  return std::find_if(in_flight_.begin(), in_flight_.end(),
                      [&](const auto& f) { return f.second.ticket == ticket; });
}

void snapshot_table::probed(const visibility_probe& probe) {
  waits_for_probe_ = false;
  // A target that is ahead may hold rows that were read at any time before this run.
  if (!std::exchange(probed_, true)) chunks_high_ = std::max(chunks_high_, probe.high);
  if (state_.phase != snapshot_phase::waiting) return;
  if (state_.fence_xid == 0) state_.fence_xid = probe.next_xid;
  if (!probe.seen.passed_fence(state_.fence_xid)) return;
  if (!planned_) {
    state_.phase = snapshot_phase::planning;
    return;
  }
  state_.phase = snapshot_phase::reading;
  settle();
}

void snapshot_table::planned(request_ticket ticket, const chunk_plan& plan, epoch_id epoch) {
  if (asked_ != ticket) return;
  asked_ = request_ticket::none;
  planned_ = true;
  planned_in_ = epoch;
  state_.phase = snapshot_phase::reading;
  if (plan.table_gone) return lose_table();
  state_.chunks = plan.chunks;
  state_.storage = plan.storage;
  state_.rows_estimated = plan.rows_estimated;
  settle();
}

std::optional<chunk_bounds> snapshot_table::next_chunk(request_ticket ticket, epoch_id completed,
                                                       std::size_t ahead) {
  if (state_.phase != snapshot_phase::reading || completed < planned_in_ || columns_ahead_
      || rewrite_high_ || handover_ || waits_for_probe_)
    return std::nullopt;
  const auto limit = std::min(ahead, state_.chunks.size());
  for (std::size_t i = 0; i < limit; ++i) {
    const auto& bounds = state_.chunks[i];
    if (in_flight_.contains(bounds.number)) continue;
    in_flight_.emplace(bounds.number, reading{ticket, merge_.open(), std::nullopt});
    return bounds;
  }
  return std::nullopt;
}

void snapshot_table::chunk_failed(request_ticket ticket) {
  const auto found = flight_of(ticket);
  if (found == in_flight_.end()) return;
  merge_.abandon(found->second.window);
  in_flight_.erase(found);
}

std::vector<chunk_emission> snapshot_table::chunk_read(request_ticket ticket, chunk_result result,
                                                       epoch_id epoch) {
  const auto found = flight_of(ticket);
  if (found == in_flight_.end()) return {};
  const auto number = found->first;
  const auto failure = result.failure;
  if (failure == chunk_failure::none) {
    found->second.result = std::move(result);
    return emit_ready();
  }
  const auto high = result.rows.high;
  chunk_failed(ticket);
  const bool splits = failure == chunk_failure::too_large;
  const bool begins_again =
      failure == chunk_failure::rewritten || (splits && number <= held_chunk_);
  if (begins_again && !rewrite_high_) rewrite_high_ = high;
  if (splits && !begins_again) split(number, result.splits, epoch);
  if (failure == chunk_failure::columns_changed) await_columns(high);
  if (failure == chunk_failure::table_gone) lose_table();
  return {};
}

std::vector<chunk_emission> snapshot_table::emit_ready() {
  std::vector<chunk_emission> out;
  while (!state_.chunks.empty()) {
    const auto number = state_.chunks.front().number;
    const auto due = in_flight_.find(number);
    if (due == in_flight_.end() || !due->second.result) break;
    auto flight = std::move(due->second);
    in_flight_.erase(due);
    if (schema_->key.empty()) {
      waits_for_probe_ = !merge_.admit(flight.window, flight.result->rows.seen);
      if (!waits_for_probe_) hand_over(number, std::move(flight.result->rows));
      break;
    }
    if (!emit(out, flight.window, flight.result->rows, number, state_.sinks)) break;
    state_.chunks.erase(state_.chunks.begin());
    ++state_.chunks_emitted;
    state_.rows_emitted += flight.result->rows.rows;
  }
  settle();
  return out;
}

bool snapshot_table::emit(std::vector<chunk_emission>& out, snapshot_merge::window window,
                          const chunk_rows& rows, std::uint64_t number,
                          const std::vector<std::string>& sinks) {
  const auto filter = merge_.admit(window, rows.seen);
  waits_for_probe_ = !filter;
  if (!filter) return false;
  state_.high = std::max(state_.high, rows.high);
  if (number != 0) chunks_high_ = state_.high;
  chunk_emission e{schema_->id, state_.generation, number, sinks, nullptr, {}};
  for (const auto& part : rows.batches) {
    e.rows = part;
    e.changes = filter->select(*part, schema_->key);
    out.push_back(e);
  }
  e.rows = nullptr;
  e.changes.clear();
  e.last = true;
  out.push_back(std::move(e));
  return true;
}

/// Changes that waited for the rows of a table without a key are lost with the process: a new fence
/// makes sure that the rows hold them, and targets that are ahead drop what they have (R5.7).
void snapshot_table::begin_again() {
  state_.phase = snapshot_phase::waiting;
  ++state_.generation;
  state_.chunks_emitted = 0;
  state_.rows_emitted = 0;
  planned_ = false;
}

void snapshot_table::hold(const batch& rows, std::span<const std::uint32_t> changes) {
  if (gone_) return;
  if (!waiting_) waiting_ = std::make_unique<batch_spool>(spill_);
  waiting_->push(rows, changes);
}

void snapshot_table::hand_over(std::uint64_t number, chunk_rows rows) {
  state_.high = std::max(state_.high, rows.high);
  chunks_high_ = state_.high;
  if (!rows.spooled) {
    rows.spooled = std::make_shared<batch_spool>(spill_);
    for (const auto& part : rows.batches) rows.spooled->push(*part);
  }
  handover_ = handover{number, std::move(rows.seen), std::move(rows.spooled), false, false};
}

/// What the rows show was logged before H. A server that has crashed may give an xid once more that
/// the snapshot saw roll back.
bool snapshot_table::in_rows(const xid_snapshot& seen, const transaction& t) const {
  const bool logged =
      static_cast<std::uint64_t>(t.commit) < static_cast<std::uint64_t>(state_.high);
  return logged && seen.sees_streamed(t.xid);
}

std::vector<chunk_emission> snapshot_table::next_part(std::size_t bytes) {
  std::vector<chunk_emission> out;
  if (!std::exchange(handover_->begun, true)) {
    chunk_emission e{schema_->id, state_.generation, handover_->number, state_.sinks, nullptr, {}};
    e.first = true;
    out.push_back(std::move(e));
  } else if (!handover_->rows_sent) {
    emit_rows(out, bytes);
  } else {
    emit_held(out, bytes);
  }
  // At once: the next change of the stream waits no more, so nothing may be before it.
  if (handover_->rows_sent && (!waiting_ || waiting_->empty())) end_handover();
  return out;
}

void snapshot_table::emit_rows(std::vector<chunk_emission>& out, std::size_t bytes) {
  chunk_emission e{schema_->id, state_.generation, handover_->number, state_.sinks, nullptr, {}};
  e.rows = handover_->rows->pop(schema_, bytes);
  if (e.rows) {
    e.changes = all_changes(*e.rows);
    state_.rows_emitted += e.changes.size();
  } else {
    e.last = true;
    handover_->rows_sent = true;
  }
  out.push_back(std::move(e));
}

void snapshot_table::emit_held(std::vector<chunk_emission>& out, std::size_t bytes) {
  chunk_emission e{schema_->id, state_.generation, 0, state_.sinks, nullptr, {}};
  e.held = true;
  e.rows = waiting_->pop(schema_, bytes);
  for (std::uint32_t i = 0; i < e.rows->changes.size(); ++i)
    if (!in_rows(handover_->seen, e.rows->transaction_of(e.rows->changes[i])))
      e.changes.push_back(i);
  if (!e.changes.empty()) out.push_back(std::move(e));
}

void snapshot_table::end_handover() {
  state_.seen = std::move(handover_->seen);
  handover_.reset();
  waiting_.reset();
  state_.chunks.erase(state_.chunks.begin());
  ++state_.chunks_emitted;
  settle();
}

void snapshot_table::source_restarted() {
  merge_.source_restarted();
  // The next xid that the fence names may have gone with a crash, and never come.
  if (state_.phase == snapshot_phase::waiting) state_.fence_xid = 0;
}

void snapshot_table::split(std::uint64_t number, const std::vector<std::vector<std::string>>& at,
                           epoch_id epoch) {
  const auto whole = std::find_if(state_.chunks.begin(), state_.chunks.end(),
                                  [&](const chunk_bounds& c) { return c.number == number; });
  if (whole == state_.chunks.end() || at.empty()) return;
  // Chunks after it get new numbers, so what was read of them under the old ones is read again.
  for (auto& [later, flight] : in_flight_) merge_.abandon(flight.window);
  in_flight_.clear();
  std::vector<chunk_bounds> parts;
  for (const auto& bound : at) parts.push_back({++number, bound, {}});
  for (std::size_t i = 0; i < parts.size(); ++i)
    parts[i].upper = i + 1 < parts.size() ? parts[i + 1].lower : whole->upper;
  for (auto later = whole + 1; later != state_.chunks.end(); ++later) later->number += at.size();
  whole->upper = at.front();
  state_.chunks.insert(whole + 1, parts.begin(), parts.end());
  planned_in_ = epoch;
}

void snapshot_table::add_missing(const std::string& sink, missing_rows rows) {
  if (!rows.whole && rows.keys.empty()) return;
  if (rows.whole) return give_up_missing(sink);
  auto& queue = missing_[sink];
  queue.add(std::move(rows));
  if (!queue.has_keys()) return;
  if (state_.phase == snapshot_phase::passing) state_.phase = snapshot_phase::reading;
  if (state_.phase != snapshot_phase::finished) return;
  // Nothing was tracked since the snapshot was finished: a fence makes up for it.
  state_.phase = snapshot_phase::waiting;
  state_.fence_xid = 0;
  state_.sinks = {sink};
}

void snapshot_table::give_up_missing(const std::string& sink) {
  missing_[sink].give_up();
  std::erase_if(absent_, [&](const auto& a) { return a.first.first == sink; });
  if (keys_in_flight_ && keys_in_flight_->sink == sink) give_up_keys();
  settle();
}

std::vector<std::string> snapshot_table::take_wholly_missing() {
  std::vector<std::string> sinks;
  if (tracking()) return sinks;
  for (const auto& [sink, queue] : missing_)
    if (queue.whole()) sinks.push_back(sink);
  for (const auto& sink : sinks) missing_.erase(sink);
  return sinks;
}

bool snapshot_table::has_lookups() const {
  return std::ranges::any_of(missing_, [](const auto& m) { return m.second.has_keys(); });
}

void snapshot_table::take_over(const snapshot_table& before) {
  for (const auto& [sink, queue] : before.missing_) add_missing(sink, queue.rows());
  looked_up_ = before.looked_up_;
}

std::optional<snapshot_table::key_lookup> snapshot_table::next_keys(request_ticket ticket) {
  if (state_.phase != snapshot_phase::reading || !state_.chunks.empty() || keys_in_flight_
      || !has_lookups() || columns_ahead_ || waits_for_probe_)
    return std::nullopt;
  const auto& [sink, queue] =
      *std::ranges::find_if(missing_, [](const auto& m) { return m.second.has_keys(); });
  key_lookup lookup{sink, queue.front(keys_per_lookup_)};
  keys_in_flight_ = lookup;
  keys_ticket_ = ticket;
  keys_window_ = merge_.open();
  return lookup;
}

void snapshot_table::keys_failed(request_ticket ticket) {
  if (ticket == keys_ticket_) give_up_keys();
}

void snapshot_table::give_up_keys() {
  if (!keys_in_flight_) return;
  merge_.abandon(keys_window_);
  keys_in_flight_.reset();
}

std::vector<chunk_emission> snapshot_table::keys_read(request_ticket ticket, chunk_result result) {
  std::vector<chunk_emission> out;
  if (!keys_in_flight_ || ticket != keys_ticket_) return out;
  if (result.failure == chunk_failure::columns_changed) await_columns(result.rows.high);
  if (result.failure == chunk_failure::table_gone) {
    lose_table();
    return out;
  }
  if (result.failure == chunk_failure::too_large)
    keys_per_lookup_ = std::max<std::size_t>(1, keys_per_lookup_ / 2);
  if (result.failure != chunk_failure::none) {
    give_up_keys();
    return out;
  }
  const auto lookup = std::move(*keys_in_flight_);
  keys_in_flight_.reset();
  if (!emit(out, keys_window_, result.rows, 0, {lookup.sink})) return out;
  looked_up_[lookup.sink] = result.rows.high;
  auto& until_passed = state_.sinks;
  if (!until_passed.empty() && std::ranges::find(until_passed, lookup.sink) == until_passed.end())
    until_passed.push_back(lookup.sink);
  auto& queue = missing_[lookup.sink];
  queue.pop(lookup.keys.size());
  for (const auto& e : out)
    if (e.rows) await_dropped(e, queue);
  await_absent(lookup, result.rows, queue);
  if (!queue.has_keys() && !queue.whole()) missing_.erase(lookup.sink);
  settle();
  return out;
}

/// A row that a passed transaction has touched is not sent; what that one brought may lack the same
/// values again, so its key is looked up once more, when a later snapshot may see the transaction.
void snapshot_table::await_dropped(const chunk_emission& e, missing_queue& queue) {
  std::size_t kept = 0;
  for (std::uint32_t i = 0; i < e.rows->changes.size(); ++i) {
    if (kept < e.changes.size() && e.changes[kept] == i) {
      ++kept;
      continue;
    }
    const auto row = e.rows->new_row(e.rows->changes[i]);
    std::vector<std::string> key;
    for (const auto column : schema_->key) key.emplace_back(e.rows->text(row[column]));
    queue.push(std::move(key));
    waits_for_probe_ = true;
  }
}

/// The change that the row is missed for may have passed and not be visible yet: then the key is
/// looked up until every transaction that was so at the first look is.
void snapshot_table::await_absent(const key_lookup& lookup, const chunk_rows& rows,
                                  missing_queue& queue) {
  std::set<std::vector<std::string>> found;
  for (const auto& part : rows.batches)
    for (const auto& c : part->changes) {
      std::vector<std::string> key;
      for (const auto column : schema_->key) key.emplace_back(part->text(part->new_row(c)[column]));
      found.insert(std::move(key));
    }
  for (const auto& key : lookup.keys) {
    const auto [place, is_new] = absent_.try_emplace({lookup.sink, key});
    auto& awaited = place->second;
    if (is_new) awaited = merge_.unseen(rows.seen);
    std::erase_if(awaited, [&](const auto& t) { return t.visible_in(rows.seen); });
    if (awaited.empty() || found.contains(key)) {
      absent_.erase(place);
      continue;
    }
    queue.push(key);
    waits_for_probe_ = true;
  }
}

/// What targets hold of the table stays, and changes from before it was dropped may still come: the
/// next probe's H is behind them.
void snapshot_table::lose_table() {
  gone_ = true;
  probed_ = false;
  for (auto& [number, flight] : in_flight_) merge_.abandon(flight.window);
  in_flight_.clear();
  give_up_keys();
  missing_.clear();
  state_.chunks.clear();
  waiting_.reset();
  settle();
}

void snapshot_table::settle() {
  if (state_.phase == snapshot_phase::reading && state_.chunks.empty() && !has_lookups())
    state_.phase = snapshot_phase::passing;
}

bool snapshot_table::passed(wal_lsn end) {
  if (columns_ahead_ && end >= columns_high_) columns_due_ = true;
  if (rewrite_high_ && end >= *rewrite_high_) rewritten_ = true;
  const bool settled_before = settled_ && looked_up_.empty();
  std::erase_if(looked_up_, [&](const auto& l) { return end >= l.second; });
  const bool read_all = planned_ && state_.chunks.empty() && probed_;
  settled_ = settled_ || (read_all && looked_up_.empty() && end >= chunks_high_);
  if (state_.phase == snapshot_phase::passing && settled_ && end >= state_.high) finish();
  return !settled_before && settled_ && looked_up_.empty();
}

void snapshot_table::finish() {
  state_.phase = snapshot_phase::finished;
  state_.seen.reset();
  merge_.restore({});
}

bool snapshot_table::consistent(const std::string& sink) const {
  if (misses(sink) || looked_up_.contains(sink)) return false;
  if (!tracking() || settled_) return true;
  const auto of_sink = [&](std::string_view entry) {
    return entry.substr(0, entry.find('/')) == sink;
  };
  return !state_.sinks.empty() && std::ranges::none_of(state_.sinks, of_sink);
}

void snapshot_table::await_columns(wal_lsn high) {
  columns_ahead_ = true;
  columns_high_ = high;
}

/// The catalog may be ahead of the stream once more: what comes in between is in older columns, and
/// going back to those would take values from rows that were read in the newer ones.
void snapshot_table::described(request_ticket ticket, const table_description& d) {
  if (asked_ != ticket) return;
  asked_ = request_ticket::none;
  columns_due_ = false;
  columns_ahead_ = d.schema != nullptr;
  columns_high_ = d.high;
  described_ = d.schema;
}

schema_ptr snapshot_table::take_description() {
  if (!described_ || !columns_due_) return nullptr;
  columns_due_ = false;
  columns_ahead_ = false;
  return std::exchange(described_, nullptr);
}

} // namespace leat
