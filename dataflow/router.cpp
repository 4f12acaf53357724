#include "dataflow/router.hpp"

#include <algorithm>
#include <iterator>

#include "dataflow/error.hpp"
#include "dataflow/merged_routes.hpp"
#include "dataflow/progress_names.hpp"
#include "dataflow/route_evolution.hpp"
#include "dataflow/route_shape.hpp"

namespace leat {

router::router(std::vector<route_ptr> routes, std::vector<sink_start> sinks, commit_lsn position,
               snapshot_driver& snapshots)
    : routes_(std::move(routes)), position_(position), snapshots_(snapshots) {
  for (auto& s : sinks) {
    foremost_ = std::max(foremost_, s.at.position);
    const bool consistent = s.at.consistent;
    sinks_.push_back({std::move(s.name), std::move(s.at), 0, false, consistent, consistent});
  }
  for (const auto& r : routes_) {
    const auto sink = std::find_if(sinks_.begin(), sinks_.end(),
                                   [&](const sink_state& s) { return s.name == r->sink; });
    sink_of_route_.push_back(static_cast<std::size_t>(sink - sinks_.begin()));
    routes_of_table_[r->schema->id].push_back(r->id);
    schemas_[r->schema->id] = r->source();
  }
  committing_.assign(sinks_.size(), false);
  snapshots_.hold(position_ < foremost_);
}

bool router::takes_part(const route& r, const std::vector<std::string>& sinks) const {
  return leat::takes_part(r.sink, r.progress_name(), sinks);
}

/// R5.7: the snapshot of such a route begins with its rows, and its changes come after them.
bool router::waits_for_rows(const route& r) const {
  return r.mode == route_mode::upsert && r.source()->key.empty();
}

/// Takes changes away that have to wait for the rows of a table without a key, or are in them
/// already.
bool router::set_aside(const batch_ptr& rows, std::uint32_t index, const route& r,
                       held_changes& held) const {
  const auto& c = rows->changes[index];
  const auto table = rows->schema_of(c).id;
  const auto* snapshot = snapshots_.find(table);
  if (snapshot == nullptr || !takes_part(r, snapshot->state().sinks)) return false;
  if (snapshots_.holds_changes(table)) {
    auto& waiting = held[table];
    if (waiting.empty() || waiting.back() != index) waiting.push_back(index);
    return true;
  }
  return snapshots_.holds_transaction(table, rows->transaction_of(c));
}

std::vector<router::output> router::start() {
  std::vector<output> out;
  for (const auto& r : routes_) {
    const auto* table = snapshots_.find(r->schema->id);
    if (table == nullptr || !table->tracking() || !takes_part(*r, table->state().sinks)) continue;
    if (waits_for_rows(*r) || table->state().is_unread()) continue;
    const auto& held = sinks_[sink_of_route_[r->id]].at;
    if (!is_read_for(r->sink, r->progress_name(), table->state().sinks)
        && held.last_generation(r->progress_name()) != table->state().generation)
      continue;
    out.push_back({sink_of_route_[r->id], snapshot_event{snapshot_event::kind::begun, r->id,
                                                         table->state().generation, 0}});
  }
  return out;
}

std::vector<router::output> router::begin_snapshot(oid table, std::vector<std::string> sinks) {
  const auto* before = snapshots_.find(table);
  if (before != nullptr && before->tracking() && !sinks.empty()) {
    const auto& under_way = before->state().sinks;
    sinks.insert(sinks.end(), under_way.begin(), under_way.end());
    if (under_way.empty()) sinks.clear();
  }
  return restart_snapshot(table, std::move(sinks));
}

std::vector<router::output> router::read_again(oid table, const std::vector<std::string>& sinks) {
  std::vector<std::string> targets;
  for (const auto id : routes_of_table_.at(table)) {
    const auto& r = *routes_[id];
    if (r.mode == route_mode::upsert && std::ranges::find(sinks, r.sink) != sinks.end())
      targets.push_back(r.full_name());
  }
  return targets.empty() ? std::vector<output>{} : begin_snapshot(table, std::move(targets));
}

std::vector<router::output> router::begin_again(oid table) {
  return restart_snapshot(table, snapshots_.find(table)->state().sinks);
}

/// The table's last generation that any target has heard of: after a restart one may know a later
/// one than the checkpoint.
std::uint32_t router::last_generation(oid table) const {
  const auto* known = snapshots_.find(table);
  auto last = known == nullptr ? 0 : known->state().generation;
  for (const auto id : routes_of_table_.at(table))
    last =
        std::max(last, sinks_[sink_of_route_[id]].at.last_generation(routes_[id]->progress_name()));
  return last;
}

std::vector<router::output> router::restart_snapshot(oid table, std::vector<std::string> sinks) {
  std::vector<output> out;
  sinks = targets_of_sinks(sinks, routes_, table);
  snapshots_.begin(schemas_.at(table), last_generation(table) + 1, sinks);
  const auto generation = snapshots_.find(table)->state().generation;
  for (const auto id : routes_of_table_.at(table)) {
    const auto sink = sink_of_route_[id];
    if (!takes_part(*routes_[id], sinks)) continue;
    sinks_[sink].consistent = false;
    if (waits_for_rows(*routes_[id])) continue;
    sinks_[sink].wrote = true;
    out.push_back({sink, snapshot_event{snapshot_event::kind::begun, id, generation, 0}});
  }
  return out;
}

route_ptr router::evolve(const route_ptr& before, const schema_ptr& schema) const {
  const auto diff = diff_schemas(*before->source(), *schema);
  if (!diff.empty() && before->schema_changes == schema_policy::stop)
    throw error(error_kind::source,
                "the table changed, and schema_changes = \"stop\": "
                    + describe(diff, *before->source(), *schema),
                schema->qualified_name(), "set schema_changes = \"evolve\" to follow");
  auto next = evolve_route(*before, schema, diff);
  if (next->record != before->record) {
    auto named = std::make_shared<route>(*next);
    named->record = before->record;
    next = std::move(named);
  }
  if (!before->merged()) return next;
  std::vector<const route*> others;
  for (const auto id : before->beside) others.push_back(routes_[id].get());
  return evolve_merged_route(next, *before, others);
}

void router::adopt_schemas(const batch& rows, std::vector<output>& out) {
  for (const auto& table : rows.tables) adopt_schema(table, out);
}

void router::adopt_schema(const schema_ptr& schema, std::vector<output>& out) {
  const auto routes = routes_of_table_.find(schema->id);
  if (routes == routes_of_table_.end()) return;
  auto& known = schemas_.at(schema->id);
  if (known == schema) return;
  const bool same = *known == *schema;
  const auto old = std::exchange(known, schema);
  snapshots_.change_schema(schema);
  for (const auto id : routes->second) {
    const auto before = routes_[id];
    if (same && (before->shape || before->chain)) {
      routes_[id] = evolve_route(*before, schema);
    } else if (same) {
      auto renewed = std::make_shared<route>(*before);
      renewed->schema = schema;
      routes_[id] = std::move(renewed);
    } else {
      routes_[id] = evolve(before, schema);
    }
    const auto sink = sink_of_route_[id];
    sinks_[sink].wrote |= !same;
    out.push_back({sink, route_changed{routes_[id]}});
  }
  const auto unstreamed = snapshots_.follow_stamp(schema->id, schema->stamp);
  if (!same || unstreamed != unstreamed_change::none) read_anew(*old, schema, unstreamed, out);
}

/// R7: what the stream does not tell of old rows is read, for the routes that show it. And what a
/// snapshot under way has of a table in other columns, or by another key, fits no more.
void router::read_anew(const table_schema& before, const schema_ptr& now,
                       unstreamed_change unstreamed, std::vector<output>& out) {
  const auto diff = diff_schemas(before, *now);
  if (!diff.empty()) news_.push_back({now->id, describe(diff, before, *now)});
  const auto* snapshot = snapshots_.find(now->id);
  if (snapshot == nullptr) return;
  std::vector<std::string> affected;
  for (const auto id : routes_of_table_.at(now->id)) {
    const auto& r = *routes_[id];
    const auto sources = read_columns(r);
    if (unstreamed != unstreamed_change::none
        || std::any_of(sources.begin(), sources.end(),
                       [&](std::uint16_t c) { return shows_other_values(diff, *now, c); }))
      affected.push_back(r.full_name());
  }
  std::vector<std::uint16_t> key;
  for (const auto k : before.key) key.push_back(diff.place[k].value_or(0xffff));
  const bool unfit =
      snapshot->tracking() && (key != now->key || (!diff.empty() && now->key.empty()));
  if (affected.empty() && !unfit) return;
  const std::string why = unstreamed == unstreamed_change::none
                              ? "its rows show values that no change brought"
                              : to_string(unstreamed);
  news_.push_back({now->id, why + ": it is read again"});
  auto begun = affected.empty() ? begin_again(now->id) : begin_snapshot(now->id, affected);
  out.insert(out.end(), std::make_move_iterator(begun.begin()),
             std::make_move_iterator(begun.end()));
}

std::vector<router::output> router::change_schema(const schema_ptr& now) {
  std::vector<output> out;
  adopt_schema(now, out);
  return out;
}

bool router::already_held(const batch& rows, const change& c, const sink_state& s) const {
  return rows.transaction_of(c).commit <= s.at.position;
}

void router::track(const batch& rows) {
  if (!snapshots_.active()) return;
  std::map<oid, std::vector<std::uint32_t>> by_table;
  for (std::uint32_t i = 0; i < rows.changes.size(); ++i) {
    const auto table = rows.schema_of(rows.changes[i]).id;
    if (snapshots_.tracks(table)) by_table[table].push_back(i);
  }
  for (const auto& [table, changes] : by_table) snapshots_.pass(table, rows, changes);
}

std::vector<router::output> router::take(const batch_ptr& rows) {
  std::vector<output> out;
  adopt_schemas(*rows, out);
  track(*rows);

  std::vector<const std::vector<route_id>*> routes_of(rows->tables.size(), nullptr);
  for (std::size_t t = 0; t < rows->tables.size(); ++t) {
    const auto found = routes_of_table_.find(rows->tables[t]->id);
    if (found != routes_of_table_.end()) routes_of[t] = &found->second;
  }
  constexpr std::uint32_t none = 0xffffffff;
  std::vector<std::uint32_t> slice_of(routes_.size(), none);
  std::vector<std::shared_ptr<routed_batch>> routed(sinks_.size());
  held_changes held;

  for (std::uint32_t i = 0; i < rows->changes.size(); ++i) {
    const auto& c = rows->changes[i];
    if (routes_of[c.table] == nullptr) continue;
    for (const auto id : *routes_of[c.table]) {
      const auto sink = sink_of_route_[id];
      // First: rows that do not show this change yet will take the place of what a sink has.
      if (waits_for_rows(*routes_[id]) && set_aside(rows, i, *routes_[id], held)) continue;
      if (already_held(*rows, c, sinks_[sink])) continue;
      auto& target = routed[sink];
      if (!target) {
        target = std::make_shared<routed_batch>();
        target->rows = rows;
      }
      if (slice_of[id] == none) {
        slice_of[id] = static_cast<std::uint32_t>(target->slices.size());
        target->slices.push_back({id, {}});
      }
      target->slices[slice_of[id]].changes.push_back(i);
      ++changes_routed_;
    }
  }
  for (auto& [table, changes] : held) snapshots_.hold_back(table, *rows, changes);
  for (std::size_t s = 0; s < sinks_.size(); ++s) {
    if (!routed[s]) continue;
    sinks_[s].wrote = true;
    out.push_back({s, routed_ptr(std::move(routed[s]))});
  }
  return out;
}

/// A sink that is ahead has what was read before the crash: reading it again would give later rows.
/// A table without a key comes whole.
bool router::chunk_held(const route& r, const sink_state& s, const chunk_emission& e) const {
  if (waits_for_rows(r) || e.chunk == 0) return false;
  const auto last = s.at.last_chunk.find(r.progress_name());
  return last != s.at.last_chunk.end()
         && (std::uint64_t{e.generation} << 32 | e.chunk) <= last->second;
}

void router::missing_reported(const std::string& sink) {
  for (auto& s : sinks_) {
    if (s.name != sink) continue;
    s.consistent = false;
    ++s.missing_reports;
  }
}

std::vector<router::output> router::take(const std::vector<chunk_emission>& emissions) {
  std::vector<output> out;
  for (const auto& e : emissions) {
    const auto routes = routes_of_table_.find(e.table);
    if (routes == routes_of_table_.end()) continue;
    for (const auto id : routes->second) {
      const auto& r = *routes_[id];
      auto& s = sinks_[sink_of_route_[id]];
      if (!takes_part(r, e.sinks) || chunk_held(r, s, e)) continue;
      if ((e.held || e.first) && !waits_for_rows(r)) continue;
      if (e.first) {
        s.wrote = true;
        out.push_back(
            {sink_of_route_[id], snapshot_event{snapshot_event::kind::begun, id, e.generation, 0}});
      }
      // A row that was missed completes an upsert; to an append target it would be a change that no
      // transaction made.
      if (e.chunk == 0 && r.mode == route_mode::append) continue;
      if (e.last && e.chunk != 0) {
        s.wrote = true;
        out.push_back({sink_of_route_[id],
                       snapshot_event{snapshot_event::kind::chunk, id, e.generation, e.chunk}});
      }
      if (!e.rows) continue;
      // R11: to a log a row that was read is one more row, also one that a passed change made old.
      auto chosen = r.mode == route_mode::append ? all_changes(*e.rows) : e.changes;
      if (chosen.empty()) continue;
      s.wrote = true;
      changes_routed_ += chosen.size();
      auto routed = std::make_shared<routed_batch>();
      routed->rows = e.rows;
      routed->slices.push_back({id, std::move(chosen)});
      out.push_back({sink_of_route_[id], routed_ptr(std::move(routed))});
    }
  }
  return out;
}

std::string router::snapshot_condition(oid table) const {
  std::vector<route_ptr> routes;
  const auto found = routes_of_table_.find(table);
  if (found != routes_of_table_.end())
    for (const auto id : found->second) routes.push_back(routes_[id]);
  return condition_at_source(routes);
}

std::vector<bool> router::promised() const {
  std::vector<bool> out;
  for (const auto& s : sinks_) out.push_back(s.promised);
  return out;
}

std::vector<router::output> router::take(const barrier& b) {
  std::vector<output> out;
  position_ = std::max(position_, b.position);
  snapshots_.hold(position_ < foremost_);
  for (const auto table : snapshots_.passed(b.epoch, b.passed)) {
    const auto& snapshot = *snapshots_.find(table);
    const auto& state = snapshot.state();
    if (state.is_unread()) continue; // no target has heard of its beginning
    const auto end =
        snapshot.gone() ? snapshot_event::kind::given_up : snapshot_event::kind::finished;
    for (const auto id : routes_of_table_.at(table)) {
      const auto sink = sink_of_route_[id];
      if (!takes_part(*routes_[id], state.sinks)) continue;
      sinks_[sink].wrote = true;
      out.push_back({sink, snapshot_event{end, id, state.generation, 0}});
    }
  }
  for (std::size_t s = 0; s < sinks_.size(); ++s) {
    auto cut = b;
    auto& sink = sinks_[s];
    // A sink that is ahead holds a later cut than this one, and is what it was.
    if (position_ >= sink.at.position && snapshots_.consistent(sink.name)) sink.consistent = true;
    cut.consistent = sink.consistent;
    cut.missing_known = sink.missing_reports;
    cut.commits = sink.wrote || cut.consistent != sink.promised;
    committing_[s] = cut.commits;
    sink.promised = cut.consistent;
    sink.wrote = false;
    out.push_back({s, cut});
  }
  return out;
}

} // namespace leat
