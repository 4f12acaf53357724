#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "dataflow/checkpoint.hpp"
#include "dataflow/operator_state.hpp"
#include "dataflow/pipeline_file.hpp"
#include "dataflow/restart_point.hpp"
#include "dataflow/route.hpp"

/// What a start refuses to go on from, and `leat check` tells beforehand (R4), beside
/// find_restart_point(). Each throws leat::error with the remedy, and changes nothing.
namespace leat {

/// The state is that of a pipeline of this name.
void check_name(const pipeline_identity& state, const pipeline_file&);

/// No two sinks write to one place under different names. `known`: sink::identity() of those before
/// it, and their names; this one is added.
void check_distinct(std::map<std::string, std::string>& known, const std::string& identity,
                    const std::string& sink, const pipeline_file&);

/// The source is the cluster, timeline and database that the state belongs to.
void check_source(const pipeline_identity& was, const pipeline_identity& is);

/// The state of transforms is there and as new as the targets. `kept`: null when there is none.
void check_operators(const operator_store* kept, const std::vector<route_ptr>& routes,
                     const std::optional<checkpoint>& from, const std::vector<target_stand>&,
                     const pipeline_file&);

} // namespace leat
