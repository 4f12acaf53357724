#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <vector>

#include "actors/log.hpp"
#include "actors/messages.hpp"
#include "actors/status_board.hpp"
#include "dataflow/pipeline_file.hpp"
#include "dataflow/source.hpp"

namespace leat {

struct catalog_watch_setup {
  std::shared_ptr<source> origin;                       ///< used by nobody else
  std::function<std::shared_ptr<source>()> make_source; ///< another, when that has failed
  std::vector<schema_ptr> captured;
  pipeline_file file;
  std::chrono::milliseconds interval{30'000};
  std::shared_ptr<status_board> board;
  log_function log;
};

/// Looks at the source's catalog from time to time, and tells status and log of tables that were
/// dropped, made again or are new. Changes nothing: the next run does. A look that fails is tried
/// again; it ends no pipeline. Blocks.
catalog_watch_actor make_catalog_watch(caf::actor_system&, catalog_watch_setup);

} // namespace leat
