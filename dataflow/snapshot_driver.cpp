#include "dataflow/snapshot_driver.hpp"

#include <algorithm>
#include <utility>

namespace leat {

snapshot_driver::snapshot_driver(options o) : options_(std::move(o)) {}

void snapshot_driver::begin(const schema_ptr& table, std::uint32_t generation,
                            std::vector<std::string> sinks) {
  auto next = std::make_unique<snapshot_table>(table, generation, std::move(sinks),
                                               options_.key_bytes, options_.spill);
  if (const auto* before = find(table->id)) {
    next->follow_stamp(before->state().stamp);
    next->take_over(*before);
  }
  install(std::move(next));
}

void snapshot_driver::restore(const schema_ptr& table, table_snapshot state) {
  install(std::make_unique<snapshot_table>(table, std::move(state), options_.key_bytes,
                                           options_.spill));
}

void snapshot_driver::install(std::unique_ptr<snapshot_table> table) {
  const auto id = table->schema()->id;
  const auto bytes = table->merge().bytes();
  tables_[id] = std::move(table);
  probe_windows_.erase(id);
  note_remembered(bytes);
}

void snapshot_driver::note_held(oid table, std::uint64_t chunk) {
  if (auto* t = tracked(table)) t->note_held(chunk);
}

unstreamed_change snapshot_driver::follow_stamp(oid table, const table_stamp& now) {
  auto* t = tracked(table);
  return t == nullptr ? unstreamed_change::none : t->follow_stamp(now);
}

void snapshot_driver::change_schema(const schema_ptr& table) {
  if (auto* t = tracked(table->id)) t->change_schema(table);
}

void snapshot_driver::add_missing(oid table, const std::string& sink, missing_rows rows) {
  auto* t = tracked(table);
  if (t == nullptr) return;
  t->add_missing(sink, std::move(rows));
  bound_missing();
}

/// The longest list goes first, so that a few keys of one table need not wait for a whole other.
void snapshot_driver::bound_missing() {
  for (;;) {
    std::size_t bytes = 0;
    std::size_t most = 0;
    snapshot_table* of = nullptr;
    std::string at;
    for (auto& [id, t] : tables_)
      for (const auto& [sink, queue] : t->missing()) {
        bytes += queue.bytes();
        if (queue.bytes() <= most) continue;
        most = queue.bytes();
        of = t.get();
        at = sink;
      }
    if (bytes <= options_.missing_bytes) return;
    of->give_up_missing(at);
  }
}

std::map<oid, std::vector<std::string>> snapshot_driver::take_wholly_missing() {
  std::map<oid, std::vector<std::string>> out;
  for (auto& [id, t] : tables_)
    if (auto sinks = t->take_wholly_missing(); !sinks.empty()) out.emplace(id, std::move(sinks));
  return out;
}

snapshot_table* snapshot_driver::tracked(oid table) {
  const auto found = tables_.find(table);
  return found == tables_.end() ? nullptr : found->second.get();
}

const snapshot_table* snapshot_driver::find(oid table) const {
  const auto found = tables_.find(table);
  return found == tables_.end() ? nullptr : found->second.get();
}

void snapshot_driver::pass(oid table, const batch& rows, std::span<const std::uint32_t> changes) {
  auto* t = tracked(table);
  if (t == nullptr) return;
  const auto before = t->merge().bytes();
  t->pass(rows, changes);
  const auto now = t->merge().bytes();
  if (now > before) note_remembered(now - before);
}

// The table that remembers most forgets first, so that small ones need not wait for a busy one.
void snapshot_driver::note_remembered(std::size_t more) {
  remembered_ += more;
  while (remembered_ > options_.key_bytes) {
    remembered_ = 0;
    snapshot_merge* largest = nullptr;
    for (auto& [id, t] : tables_) {
      remembered_ += t->merge().bytes();
      if (largest == nullptr || t->merge().bytes() > largest->bytes()) largest = &t->merge();
    }
    if (remembered_ <= options_.key_bytes) return;
    const auto before = largest->bytes();
    largest->shrink_to(before / 2);
    if (largest->bytes() == before) return;
  }
}

bool snapshot_driver::tracks(oid table) const {
  const auto* t = find(table);
  return t != nullptr && t->tracking();
}

bool snapshot_driver::holds_changes(oid table) const {
  const auto* t = find(table);
  return t != nullptr && t->holds_changes();
}

void snapshot_driver::hold_back(oid table, const batch& rows,
                                std::span<const std::uint32_t> changes) {
  tracked(table)->hold(rows, changes);
}

bool snapshot_driver::has_part() const {
  return std::ranges::any_of(tables_, [](const auto& t) { return t.second->has_part(); });
}

std::vector<chunk_emission> snapshot_driver::next_part(std::size_t bytes) {
  auto at = tables_.upper_bound(last_part_of_);
  for (std::size_t i = 0; i < tables_.size(); ++i, ++at) {
    if (at == tables_.end()) at = tables_.begin();
    if (!at->second->has_part()) continue;
    last_part_of_ = at->first;
    return at->second->next_part(bytes);
  }
  return {};
}

bool snapshot_driver::holds_transaction(oid table, const transaction& t) const {
  const auto* known = find(table);
  return known != nullptr && known->holds_transaction(t);
}

void snapshot_driver::source_restarted() {
  for (auto& [id, t] : tables_) t->source_restarted();
}

std::optional<snapshot_request> snapshot_driver::next() {
  if (probe_due_ && !probe_in_flight_ && active()) {
    probe_due_ = false;
    probe_in_flight_ = true;
    for (auto& [id, t] : tables_)
      if (t->tracking()) probe_windows_[id] = t->merge().open();
    return probe_request{};
  }
  if (held_) return std::nullopt;
  // Round robin over the tables, so that many small ones do not wait for a large one.
  auto at = tables_.upper_bound(last_served_);
  for (std::size_t i = 0; i < tables_.size(); ++i, ++at) {
    if (at == tables_.end()) at = tables_.begin();
    if (auto request = next_of(*at->second)) {
      last_served_ = at->first;
      return request;
    }
  }
  return std::nullopt;
}

std::optional<snapshot_request> snapshot_driver::next_of(snapshot_table& t) {
  const request_ticket ticket{++last_ticket_};
  if (t.wants_description()) {
    t.ask(ticket);
    return describe_request{ticket, t.schema()->id};
  }
  if (t.wants_plan()) {
    t.ask(ticket);
    return plan_request{ticket, t.schema()};
  }
  if (auto bounds = t.next_chunk(ticket, completed_, options_.ahead))
    return read_request{ticket, t.schema(), std::move(*bounds), t.state().storage};
  if (auto lookup = t.next_keys(ticket))
    return keys_request{ticket, t.schema(), std::move(lookup->keys)};
  return std::nullopt;
}

void snapshot_driver::probed(const visibility_probe& probe) {
  probe_in_flight_ = false;
  for (auto& [id, window] : probe_windows_) {
    auto* t = tracked(id);
    t->merge().learn(window, probe.seen);
    t->probed(probe);
  }
  probe_windows_.clear();
}

void snapshot_driver::described(const describe_request& r, const table_description& d) {
  if (auto* t = tracked(r.table)) t->described(r.ticket, d);
  hurry_ = true;
}

std::vector<schema_ptr> snapshot_driver::take_descriptions() {
  std::vector<schema_ptr> out;
  for (auto& [id, t] : tables_)
    if (auto schema = t->take_description()) out.push_back(std::move(schema));
  return out;
}

void snapshot_driver::planned(const plan_request& r, const chunk_plan& plan) {
  auto* t = tracked(r.table->id);
  if (t == nullptr) return;
  t->planned(r.ticket, plan, epoch_ + 1);
  hurry_ = true;
}

std::vector<chunk_emission> snapshot_driver::chunk_read(const read_request& r,
                                                        chunk_result result) {
  auto* t = tracked(r.table->id);
  if (t == nullptr) return {};
  hurry_ |= result.failure == chunk_failure::too_large;
  return t->chunk_read(r.ticket, std::move(result), epoch_ + 1);
}

std::vector<chunk_emission> snapshot_driver::keys_read(const keys_request& r, chunk_result result) {
  auto* t = tracked(r.table->id);
  if (t == nullptr) return {};
  return t->keys_read(r.ticket, std::move(result));
}

void snapshot_driver::failed(const snapshot_request& request) {
  if (std::holds_alternative<probe_request>(request)) {
    probe_in_flight_ = false;
    probe_due_ = true;
    for (auto& [id, window] : probe_windows_) tracked(id)->merge().abandon(window);
    probe_windows_.clear();
  } else if (const auto* d = std::get_if<describe_request>(&request)) {
    if (auto* t = tracked(d->table)) t->ask_failed(d->ticket);
  } else if (const auto* p = std::get_if<plan_request>(&request)) {
    if (auto* t = tracked(p->table->id)) t->ask_failed(p->ticket);
  } else if (const auto* r = std::get_if<read_request>(&request)) {
    if (auto* t = tracked(r->table->id)) t->chunk_failed(r->ticket);
  } else if (const auto* k = std::get_if<keys_request>(&request)) {
    if (auto* t = tracked(k->table->id)) t->keys_failed(k->ticket);
  }
}

std::map<oid, table_snapshot> snapshot_driver::state() const {
  std::map<oid, table_snapshot> out;
  for (const auto& [id, t] : tables_) out.emplace(id, t->checkpoint_state());
  return out;
}

missing_keys snapshot_driver::missing() const {
  missing_keys out;
  for (const auto& [id, t] : tables_)
    for (const auto& [sink, queue] : t->missing()) out[sink][id] = queue.rows();
  return out;
}

std::vector<oid> snapshot_driver::passed(epoch_id epoch, wal_lsn end) {
  epoch_ = epoch;
  std::vector<oid> settled;
  for (auto& [id, t] : tables_)
    if (t->passed(end)) settled.push_back(id);
  return settled;
}

bool snapshot_driver::consistent(const std::string& sink) const {
  return std::ranges::all_of(tables_, [&](const auto& t) { return t.second->consistent(sink); });
}

bool snapshot_driver::active() const {
  for (const auto& [id, t] : tables_)
    if (t->tracking()) return true;
  return false;
}

bool snapshot_driver::take_hurry() { return std::exchange(hurry_, false); }

std::vector<oid> snapshot_driver::rewritten() const {
  std::vector<oid> out;
  for (const auto& [id, t] : tables_)
    if (t->rewritten()) out.push_back(id);
  return out;
}

} // namespace leat
