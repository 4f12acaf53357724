#include "dataflow/restart_point.hpp"

#include <algorithm>

#include "dataflow/error.hpp"

namespace leat {

namespace {

constexpr const char* begin_anew = "restore the one that belongs to it, or begin anew: `leat "
                                   "drop`, empty the target's tables, run";

epoch_id needed(const checkpoint& c, const std::string& sink) {
  const auto found = c.sink_epochs.find(sink);
  return found == c.sink_epochs.end() ? 0 : found->second;
}

epoch_id reached(const target_stand& t) { return t.progress ? t.progress->epoch : 0; }

void check_identity(const target_stand& t, const std::string& pipeline_id) {
  if (!t.progress || t.progress->pipeline_id == pipeline_id) return;
  throw error(error_kind::sink,
              "the target holds the progress of another pipeline of this name (pipeline_id "
                  + t.progress->pipeline_id + ", this one "
                  + (pipeline_id.empty() ? "has no state" : "is " + pipeline_id) + ")",
              "sink " + t.sink,
              "the state directory was deleted or is another's: " + std::string(begin_anew));
}

bool reached_by_all(const checkpoint& c, const std::vector<target_stand>& targets) {
  return std::all_of(targets.begin(), targets.end(), [&](const target_stand& t) {
    return !t.keeps_progress || needed(c, t.sink) <= reached(t);
  });
}

[[noreturn]] void fail_behind(const checkpoint& oldest, const std::vector<target_stand>& targets) {
  for (const auto& t : targets) {
    if (!t.keeps_progress || needed(oldest, t.sink) <= reached(t)) continue;
    const auto what = t.progress ? "the target is behind every checkpoint: it stands at epoch "
                                       + std::to_string(t.progress->epoch) + ", and was at "
                                       + std::to_string(needed(oldest, t.sink)) + " or later"
                                 : std::string("the target has no progress record, and had one");
    throw error(error_kind::sink, what, "sink " + t.sink,
                "the target was emptied, or restored from an older backup: "
                    + std::string(begin_anew));
  }
  throw error(error_kind::bug, "no checkpoint fits the targets", "state", "report this");
}

} // namespace

void check_identities(const std::vector<target_stand>& targets, const std::string& pipeline_id) {
  for (const auto& t : targets) check_identity(t, pipeline_id);
}

void check_slot_position(wal_lsn resume, wal_lsn confirmed) {
  if (resume >= confirmed) return;
  throw error(error_kind::state,
              "the slot was confirmed up to " + to_string(confirmed)
                  + ", the newest usable checkpoint needs changes from " + to_string(resume),
              "state",
              "the state was restored from an older backup, or somebody moved the slot: `leat "
              "drop`, empty the target's tables, run");
}

restart_point find_restart_point(const state_store& store, const std::string& pipeline_id,
                                 const std::vector<target_stand>& targets) {
  restart_point point;
  check_identities(targets, pipeline_id);
  const auto epochs = store.epochs();
  if (epochs.empty()) return point;

  point.last_epoch = epochs.back();
  for (const auto& t : targets) {
    if (t.keeps_progress && reached(t) > epochs.back())
      throw error(error_kind::state,
                  "the state is older than the target: its newest checkpoint is "
                      + std::to_string(epochs.back()) + ", the target stands at "
                      + std::to_string(reached(t)),
                  "sink " + t.sink,
                  "the state directory was restored from an older backup: "
                      + std::string(begin_anew));
  }
  for (auto epoch = epochs.rbegin(); epoch != epochs.rend() && !point.from; ++epoch) {
    auto candidate = store.load(*epoch);
    if (candidate && reached_by_all(*candidate, targets)) point.from = std::move(candidate);
  }
  if (!point.from) fail_behind(*store.load(epochs.front()), targets);

  for (const auto& [sink, epoch] : point.from->sink_epochs)
    if (std::none_of(targets.begin(), targets.end(),
                     [&](const target_stand& t) { return t.sink == sink; }))
      point.removed_sinks.push_back(sink);
  return point;
}

} // namespace leat
