#pragma once

#include <chrono>
#include <functional>
#include <memory>

#include "actors/log.hpp"
#include "actors/messages.hpp"
#include "actors/status_board.hpp"
#include "dataflow/source.hpp"

namespace leat {

struct transaction_watch_setup {
  std::function<std::shared_ptr<source>()> make_source; ///< used by nobody else
  std::chrono::milliseconds interval{1000};
  std::shared_ptr<status_board> board;
  log_function log;
};

/// Tells status and log whom a slot that is being made, or a snapshot's fence (R5.5), waits for.
/// Asks the source only while something waits. Blocks.
transaction_watch_actor make_transaction_watch(caf::actor_system&, transaction_watch_setup);

} // namespace leat
