#pragma once

#include <functional>
#include <memory>
#include <string>

#include "actors/cancel_list.hpp"
#include "actors/log.hpp"
#include "actors/messages.hpp"
#include "actors/status_board.hpp"
#include "dataflow/error.hpp"
#include "dataflow/pipeline_file.hpp"
#include "dataflow/state_store.hpp"

namespace leat {

struct supervisor_setup {
  pipeline_file file;
  std::string until;
  std::shared_ptr<state_store> store;
  std::shared_ptr<status_board> board;
  std::shared_ptr<cancel_list> cancels;
  log_function log;
  std::function<void(std::shared_ptr<const error>)> ended; ///< called once; null: a clean end
};

/// Assembles the pipeline, watches its stages, and takes all of them down when one fails: then it
/// begins again from the last checkpoint, with backoff, when the error is transient, or ends with
/// it. Begins again with tables that join, too, once the open epoch is finished: what fails with
/// them is tried without them, and they are left out until they change or the process ends.
supervisor_actor make_supervisor(caf::actor_system&, supervisor_setup);

} // namespace leat
