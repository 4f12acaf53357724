#pragma once

#include <caf/typed_actor.hpp>

#include <chrono>
#include <map>
#include <memory>
#include <set>

#include "actors/connectors.hpp"
#include "actors/join_trial.hpp"
#include "actors/log.hpp"
#include "actors/messages.hpp"
#include "actors/status_board.hpp"
#include "dataflow/pipeline_file.hpp"
#include "dataflow/source.hpp"

namespace leat {

struct catalog_watch_setup {
  std::shared_ptr<source> origin; ///< used by nobody else
  connectors plugins;             ///< for another source, when that has failed, and sinks to ask
  std::map<oid, schema_ptr> captured; ///< as assembly::planned
  std::set<oid> kept;                 ///< of those: whose routes' schema_changes say stop
  std::map<oid, failed_join> failed;
  pipeline_file file;
  bool ends = false; ///< the run is to end by itself: no table joins it
  std::chrono::milliseconds interval{30'000};
  std::shared_ptr<status_board> board;
  log_function log;
  supervisor_actor supervisor; ///< is told of tables that may join
};

/// Looks at the source's catalog from time to time, and tells status and log of tables that were
/// dropped, made again or are new. Finds out which new ones a plan takes, adds them to the
/// publication, and asks the supervisor to begin again with them: once, when no more have come for
/// a while. A look that fails is tried again; it ends no pipeline. A table that is gone ends it
/// when its routes say so, one look later, so that what was written to it has come. One that has
/// left the publication makes it begin again. Blocks.
catalog_watch_actor make_catalog_watch(caf::actor_system&, catalog_watch_setup);

} // namespace leat
