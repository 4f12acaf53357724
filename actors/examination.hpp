#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "dataflow/checkpoint.hpp"
#include "dataflow/finding.hpp"
#include "dataflow/operator_state.hpp"
#include "dataflow/pipeline_file.hpp"
#include "dataflow/plan.hpp"
#include "dataflow/state_store.hpp"

namespace leat {

/// What the state directory holds of a pipeline, read without opening it for writing; empty for one
/// that has never run. Throws leat::error when it cannot be read.
struct state_view {
  std::optional<pipeline_identity> identity;
  std::optional<checkpoint> newest;
  std::vector<operator_size> states;  ///< of transforms
  std::shared_ptr<state_store> store; ///< read-only, as it was then; null: none yet
};
state_view look_at_state(const pipeline_file&);

/// The plan as the next run would make it.
plan draft_next_plan(const pipeline_file&, const state_view&);

/// Everything that can be found wrong with file, source, sinks, types and state without changing
/// anything. Not for a process that runs the pipeline itself.
std::vector<finding> examine(const pipeline_file&);

} // namespace leat
