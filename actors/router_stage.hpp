#pragma once

#include <memory>
#include <vector>

#include "actors/log.hpp"
#include "actors/messages.hpp"
#include "actors/status_board.hpp"
#include "actors/wiring.hpp"
#include "dataflow/router.hpp"

namespace leat {

/// What the router stage starts from.
struct router_setup {
  std::vector<route_ptr> routes;
  std::vector<sink_start> sinks;
  commit_lsn position{};
  wal_lsn resume{};
  std::unique_ptr<snapshot_driver> snapshots;
  missing_keys missing;
  std::vector<sink_actor> sink_actors; ///< as `sinks`
  std::vector<reader_actor> readers;
  coordinator_actor coordinator;
  credit_window source_window;
  credit_window sink_window;
  std::map<std::string, std::string> route_fingerprints; ///< R12
  std::shared_ptr<status_board> board;
  log_function log;
};

/// Shell around router and snapshot_driver: credit towards the sinks, work for the readers.
router_actor make_router_stage(caf::actor_system&, router_setup);

} // namespace leat
