#pragma once

#include <vector>

#include "dataflow/finding.hpp"
#include "dataflow/pipeline_file.hpp"
#include "dataflow/route.hpp"
#include "dataflow/source_table.hpp"
#include "dataflow/transform.hpp"

namespace leat {

/// What a pipeline does: `leat plan` prints it, `leat run` executes it.
struct plan {
  std::vector<schema_ptr> tables; ///< that a route reads, by schema and name
  std::vector<route_ptr> routes;  ///< route::id is the index
  std::vector<finding> problems;
};

/// The plan with all of its problems; with an error among them it must not be run.
plan draft_plan(const pipeline_file&, const std::vector<source_table>&,
                const transform_registry& = {});

/// The same; the first error is thrown as leat::error of kind usage, so that only notes are left.
plan make_plan(const pipeline_file&, const std::vector<source_table>&,
               const transform_registry& = {});

} // namespace leat
