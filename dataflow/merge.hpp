#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "dataflow/route.hpp"

namespace leat {

/// Makes one merge of the routes of several source tables into one target of one sink: each learns
/// of the others, what tells its rows apart, and a name for its progress. `fresh`: no run has known
/// any of the tables; then all must give the same columns. Throws leat::error of kind usage, its
/// place empty.
void make_merge(const std::vector<std::shared_ptr<route>>& routes, bool fresh);

/// The next version of a route of a merge beside the others as they are now. Throws leat::error of
/// kind source when it no longer fits them.
route_ptr merged_anew(const route_ptr& next, const route& before,
                      const std::vector<const route*>& others);

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
