#pragma once

#include <caf/actor_control_block.hpp>
#include <caf/typed_actor.hpp>

#include <chrono>
#include <functional>
#include <memory>

#include "actors/assembly.hpp"
#include "actors/execution.hpp"
#include "actors/log.hpp"
#include "actors/messages.hpp"
#include "actors/status_board.hpp"

namespace leat {

/// What the stages of a pipeline share, and what differs between an engine and a simulation.
struct wiring_options {
  credit_window source_window;
  credit_window sink_window;
  std::size_t sink_buffer = 32U << 20;                          ///< as sink_setup::buffer_bytes
  std::size_t sink_missing = missing_gatherer::most_by_default; ///< as sink_setup::missing_bytes
  std::chrono::milliseconds interval{1000};
  std::shared_ptr<state_store> store;
  std::shared_ptr<status_board> board;
  log_function log;
  execution runs = execution::own_thread;
  /// Makes the source's stage, the last one: frames go to this router.
  std::function<source_actor(const router_actor&)> make_source;
  /// Told of each stage as soon as it exists: also of those made before one that fails.
  std::function<void(const caf::strong_actor_ptr&)> watch;
};

struct wired_pipeline {
  coordinator_actor coordinator;
  router_actor router;
};

/// Makes the stages of an assembled pipeline, joins them, and lets the epochs begin. Takes all of
/// `parts` but the stream and the spill area. Throws what attaching the routes to their targets
/// throws.
wired_pipeline wire_pipeline(caf::actor_system&, assembly& parts, const wiring_options&);

} // namespace leat
