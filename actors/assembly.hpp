#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "actors/cancel_list.hpp"
#include "actors/connectors.hpp"
#include "dataflow/operator_state.hpp"
#include "dataflow/pipeline_file.hpp"
#include "dataflow/plan.hpp"
#include "dataflow/restart_point.hpp"
#include "dataflow/router.hpp"
#include "dataflow/source.hpp"
#include "dataflow/state_store.hpp"
#include "dataflow/table_choice.hpp"

namespace leat {

struct opened_sink {
  std::string name;
  std::string connector;
  std::shared_ptr<sink> target;
  target_progress progress;
};

/// Everything that a run needs, opened and checked, before any actor exists.
struct assembly {
  pipeline_identity identity;
  leat::plan plan;
  std::map<oid, schema_ptr> planned; ///< the plan's tables under the names that it was made by
  std::map<oid, error> refused;      ///< of those that were to join
  checkpoint start;                  ///< where the stream goes on
  epoch_id last_epoch = 0;
  std::vector<opened_sink> sinks;
  std::vector<sink_start> sink_starts; ///< as `sinks`
  std::unique_ptr<snapshot_driver> snapshots;
  std::map<std::string, std::string> route_fingerprints;
  std::shared_ptr<spill_area> spill;         ///< outlives the stream
  std::shared_ptr<operator_store> operators; ///< null: no transform keeps state
  std::shared_ptr<source> origin;            ///< unused once this is made
  std::unique_ptr<change_stream> stream;
  std::vector<std::shared_ptr<table_reader>> readers;
  std::optional<wal_lsn> until;
  std::vector<std::string> notes; ///< for the log
};

/// Opens source, state and targets, and finds where to go on. Blocks; throws leat::error: not for
/// tables that join and that the plan does not take, which are left out.
assembly assemble(const pipeline_file&, state_store&, const std::string& until, cancel_list&,
                  const table_choice& = {}, const connectors& = built_in_connectors());

/// The states that a plan's transforms keep, with what they are of.
std::map<operator_name, std::string> operators_of(const std::vector<route_ptr>&);

/// Tables as the plan needs them: those a checkpoint knows, as it knows them; others from the
/// catalog.
std::vector<source_table> planned_tables(std::vector<source_table> catalog, const checkpoint*);

/// Throws when --until is neither empty, nor `caught-up`, nor an LSN.
void check_until(const std::string& until);

} // namespace leat
