#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

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

/// Blocking calls that another thread may have to end. Thread-safe.
class cancel_list {
 public:
  void add(std::function<void()> cancel);
  /// Calls all; until clear() added ones are called at once.
  void cancel_all();
  /// The same for good: who is to stop begins nothing again.
  void close();
  void clear();

 private:
  std::mutex mutex_;
  bool cancelled_ = false;
  bool closed_ = false;
  std::vector<std::function<void()>> calls_;
};

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

/// "sink/target" -> fingerprint (R12).
std::map<std::string, std::string> fingerprints(const std::vector<route_ptr>&);

/// Throws when --until is neither empty, nor `caught-up`, nor an LSN.
void check_until(const std::string& until);

/// Routes over tables that are to be read anew count as new ones, whatever they were (R12).
void let_go_of_routes(checkpoint& from, const std::vector<resnapshot_request>&);

/// Throws when a route would now give other rows than before (R12). Both are fingerprints().
void refuse_changed_routes(const std::map<std::string, std::string>& before,
                           const std::map<std::string, std::string>& now);

} // namespace leat
