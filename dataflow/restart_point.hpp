#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "dataflow/checkpoint.hpp"
#include "dataflow/sink.hpp"
#include "dataflow/state_store.hpp"

namespace leat {

/// What one sink's target said when it was opened.
struct target_stand {
  std::string sink;
  bool keeps_progress = true; ///< else it stands wherever the newest checkpoint says
  std::optional<target_progress> progress;
};

/// Where a pipeline goes on.
struct restart_point {
  std::optional<checkpoint> from;         ///< nothing: this pipeline has never run
  epoch_id last_epoch = 0;                ///< the highest number that was ever given
  std::vector<std::string> removed_sinks; ///< the checkpoint knows them, the file does not
};

/// Throws leat::error when a target holds the progress of another pipeline. `pipeline_id`: empty
/// for one that has no state yet.
void check_identities(const std::vector<target_stand>&, const std::string& pipeline_id);

/// Throws leat::error when the slot, which is confirmed up to `confirmed`, has no more what comes
/// after `resume` (R4).
void check_slot_position(wal_lsn resume, wal_lsn confirmed);

/// The newest checkpoint that every target has reached (R3). Throws leat::error when state and
/// targets do not belong together: a target or a state directory that was deleted, or restored from
/// an older backup, or that belongs to another pipeline.
restart_point find_restart_point(const state_store&, const std::string& pipeline_id,
                                 const std::vector<target_stand>&);

} // namespace leat
