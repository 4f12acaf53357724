#pragma once

#include <memory>
#include <vector>

#include "dataflow/route.hpp"

namespace leat {

/// Makes one merge of the routes of several source tables into one target of one sink: each learns
/// of the others, what tells its rows apart, and a name for its progress. `fresh`: no run has known
/// any of the tables; then all must give the same columns. Throws leat::error of kind usage, its
/// place empty.
void merge_routes(const std::vector<std::shared_ptr<route>>& routes, bool fresh);

/// The next version of a route of a merge beside the others as they are now. Throws leat::error of
/// kind source when it no longer fits them.
route_ptr evolve_merged_route(const route_ptr& next, const route& before,
                              const std::vector<const route*>& others);

} // namespace leat
