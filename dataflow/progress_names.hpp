#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "dataflow/route.hpp"

namespace leat {

/// Targets that one table more, or one less, is routed to than in the run before: who was there
/// keeps the name of its progress. `known`: checkpoint::routes of that run.
void keep_progress_names(std::vector<route_ptr>& routes,
                         const std::map<std::string, std::string>& known);

/// Entries of table_snapshot::sinks that name a sink alone, as the routes of that table to it.
std::vector<std::string> targets_of_sinks(const std::vector<std::string>& sinks,
                                          const std::vector<route_ptr>& routes, oid table);

/// Names of progress at a target that several tables feed (route::record): "orders <-
/// shard_1.orders".
std::string record_of(std::string_view target, std::string_view table);
/// What those of this target begin with.
std::string record_prefix(std::string_view target);
/// Of the target's one source, or of one of several.
bool is_record_of(std::string_view record, std::string_view target);
std::string_view target_of_record(std::string_view record);

} // namespace leat
