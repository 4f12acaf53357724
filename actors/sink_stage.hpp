#pragma once

#include <memory>
#include <string>
#include <vector>

#include "actors/execution.hpp"
#include "actors/log.hpp"
#include "actors/messages.hpp"
#include "actors/status_board.hpp"
#include "actors/wiring.hpp"
#include "dataflow/input_gate.hpp"
#include "dataflow/operator_state.hpp"
#include "dataflow/sink.hpp"

namespace leat {

struct sink_setup {
  std::string name;
  std::shared_ptr<sink> target; ///< opened; shared with the supervisor, which cancels what blocks
  std::vector<route_ptr>
      routes;               ///< all routes of the pipeline, by id; those of other sinks are ignored
  target_progress progress; ///< where the target stands; pipeline_id filled in
  std::shared_ptr<operator_store> operators; ///< null: no transform keeps state
  epoch_id operators_at = 0;                 ///< the barrier that it stands at
  channel_id channel = 0;
  credit_window window;
  std::size_t buffer_bytes =
      32U << 20; ///< what writers may fold in memory before it goes to the target
  std::size_t missing_bytes = missing_gatherer::most_by_default; ///< of an epoch's missing keys
  coordinator_actor coordinator;
  std::shared_ptr<status_board> board;
  log_function log;
  execution runs = execution::own_thread;
};

/// Shell around a sink, whose calls block: writes what comes, prepares at a barrier, commits
/// when the coordinator says that the checkpoint is synced.
sink_actor make_sink_stage(caf::actor_system&, sink_setup);

} // namespace leat
