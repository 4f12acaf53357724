#include "actors/status_board.hpp"

#include <nlohmann/json.hpp>

namespace leat {

const char* to_string(wait_reason reason) {
  switch (reason) {
  case wait_reason::none:
    return "none";
  case wait_reason::credit:
    return "credit";
  case wait_reason::checkpoint:
    return "checkpoint";
  case wait_reason::target:
    return "target";
  }
  return "none";
}

const char* to_string(snapshot_phase phase) {
  switch (phase) {
  case snapshot_phase::waiting:
    return "waiting";
  case snapshot_phase::planning:
    return "planning";
  case snapshot_phase::reading:
    return "reading";
  case snapshot_phase::passing:
    return "passing";
  case snapshot_phase::finished:
    return "finished";
  }
  return "waiting";
}

const char* to_string(table_fate fate) {
  switch (fate) {
  case table_fate::dropped:
    return "dropped";
  case table_fate::made_again:
    return "made again";
  }
  return "dropped";
}

std::string text_of(table_fate fate) {
  switch (fate) {
  case table_fate::dropped:
    return "dropped at the source: its rows stay at the targets";
  case table_fate::made_again:
    return "dropped at the source and made again: its rows stay until the new one's are read";
  }
  return "";
}

std::string text_of(const new_table& table) {
  switch (table.is) {
  case new_table::fate::joins:
    return "new at the source: " + (table.why.empty() ? "it joins" : "it joins soon; " + table.why);
  case new_table::fate::left_out:
    return "new at the source, and left out: " + table.why
           + (table.remedy.empty() ? "" : "; remedy: " + table.remedy);
  case new_table::fate::next_run:
    return "new at the source: the next run takes it, since this one is to end by itself";
  }
  return "";
}

double table_status::rows_per_second(std::int64_t now) const {
  if (reading_since == 0 || now <= reading_since || rows <= rows_before) return 0;
  return static_cast<double>(rows - rows_before) * 1e6 / static_cast<double>(now - reading_since);
}

std::optional<double> table_status::seconds_left(std::int64_t now) const {
  const auto rate = rows_per_second(now);
  if (rate <= 0 || rows_estimated <= rows) return std::nullopt;
  return static_cast<double>(rows_estimated - rows) / rate;
}

void show_snapshot(table_status& shown, const table_snapshot* state, std::int64_t now) {
  shown.phase = state == nullptr ? snapshot_phase::finished : state->phase;
  if (state == nullptr) return;
  const bool reading = shown.phase == snapshot_phase::reading;
  if (!reading || shown.generation != state->generation) shown.reading_since = 0;
  if (reading && shown.reading_since == 0) {
    shown.reading_since = now;
    shown.rows_before = state->rows_emitted;
  }
  shown.generation = state->generation;
  shown.rows = state->rows_emitted;
  shown.rows_estimated = state->rows_estimated;
  shown.chunks_left = state->chunks.size();
  shown.fence_xid = state->fence_xid;
}

namespace {

using nlohmann::json;

json table_json(const table_status& t, std::int64_t now) {
  json out{{"table", t.name}, {"snapshot", to_string(t.phase)},     {"generation", t.generation},
           {"rows", t.rows},  {"rows_estimated", t.rows_estimated}, {"chunks_left", t.chunks_left}};
  if (t.phase == snapshot_phase::waiting && t.fence_xid != 0)
    out["waits_for_transactions_before_xid"] = t.fence_xid;
  if (const auto rate = t.rows_per_second(now); rate > 0) out["rows_per_second"] = rate;
  if (const auto left = t.seconds_left(now)) out["seconds_left"] = *left;
  return out;
}

json new_table_json(const std::string& name, const new_table& table) {
  constexpr const char* fates[] = {"joins", "left out", "next run"};
  json out{{"table", name}, {"is", fates[static_cast<int>(table.is)]}};
  if (!table.why.empty()) out["why"] = table.why;
  if (!table.remedy.empty()) out["remedy"] = table.remedy;
  return out;
}

json sink_json(const std::string& name, const sink_status& k) {
  json out{{"sink", name},
           {"connector", k.connector},
           {"epoch", k.progress.epoch},
           {"commit_lsn", to_string(k.progress.position)},
           {"consistent", k.progress.consistent},
           {"changes", k.changes},
           {"waits_for", to_string(k.waits)}};
  if (k.pace.count() > 0) out["epochs_at_least_ms"] = k.pace.count();
  for (const auto& state : k.states)
    out["states"].push_back({{"target", state.of.target},
                             {"transform", state.of.transform},
                             {"keys", state.keys},
                             {"bytes", state.bytes}});
  return out;
}

} // namespace

std::string to_json(const pipeline_status& s, std::int64_t now) {
  json out{{"pipeline", s.pipeline},
           {"pipeline_id", s.pipeline_id},
           {"state", s.state},
           {"message", s.message},
           {"epoch", s.epoch},
           {"commit_lsn", to_string(s.position)},
           {"passed_lsn", to_string(s.passed)},
           {"confirmed_lsn", to_string(s.confirmed)},
           {"source_lsn", to_string(s.lag.source_end())},
           {"changes", s.changes},
           {"router_waits_for", to_string(s.router_waits)},
           {"last_commit_time_us", s.commit_time}};
  out["tables"] = json::array();
  for (const auto& [id, t] : s.tables) {
    auto table = table_json(t, now);
    if (const auto gone = s.news.gone.find(id); gone != s.news.gone.end())
      table["at_source"] = to_string(gone->second);
    out["tables"].push_back(std::move(table));
  }
  for (const auto& [name, table] : s.news.appeared)
    out["new_tables"].push_back(new_table_json(name, table));
  if (!s.open_transactions.empty()) out["waits_for_transactions"] = s.open_transactions;
  out["sinks"] = json::array();
  for (const auto& [name, k] : s.sinks) {
    auto sink = sink_json(name, k);
    if (const auto lag = s.lag.of(name, now)) {
      sink["lag_bytes"] = lag->bytes;
      sink["lag_seconds"] = static_cast<double>(lag->microseconds) / 1e6;
    }
    out["sinks"].push_back(std::move(sink));
  }
  return out.dump(2, ' ', false, json::error_handler_t::replace);
}

} // namespace leat
