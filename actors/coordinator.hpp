#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>

#include "actors/execution.hpp"
#include "actors/log.hpp"
#include "actors/messages.hpp"
#include "actors/status_board.hpp"
#include "dataflow/operator_state.hpp"
#include "dataflow/state_store.hpp"

namespace leat {

struct coordinator_setup {
  std::shared_ptr<state_store> store;
  std::shared_ptr<operator_store> operators;              ///< null: no transform keeps state
  std::map<std::string, epoch_id> sinks;                  ///< sink -> epoch its target names
  epoch_id last_epoch = 0;                                ///< the highest that was ever given
  std::map<std::string, std::chrono::milliseconds> paces; ///< sink -> sink::pace()
  wal_lsn resume{};
  std::chrono::milliseconds interval{1000};
  std::optional<wal_lsn> until; ///< end when this is committed everywhere, and consistent
  std::shared_ptr<status_board> board;
  log_function log;
  execution runs = execution::own_thread;
};

/// Cuts an epoch every interval; writes its checkpoint when the router has passed the barrier; lets
/// each sink commit when it has prepared; confirms when all have committed (R3, R4). It
/// blocks: checkpoints are synced to disk.
coordinator_actor make_coordinator(caf::actor_system&, coordinator_setup);

} // namespace leat
