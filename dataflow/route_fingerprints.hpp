#pragma once

#include <map>
#include <string>
#include <vector>

#include "dataflow/checkpoint.hpp"
#include "dataflow/route.hpp"
#include "dataflow/state_store.hpp"

namespace leat {

/// "sink/target" -> route_fingerprint(), as a checkpoint keeps them (R12).
std::map<std::string, std::string> fingerprints(const std::vector<route_ptr>&);

/// Routes over tables that are to be read again count as new ones, whatever they were (R12).
void let_go_of_routes(checkpoint& from, const std::vector<resnapshot_request>&);

/// Throws when a route would now give other rows than before (R12). Both are fingerprints().
void refuse_changed_routes(const std::map<std::string, std::string>& before,
                           const std::map<std::string, std::string>& now);

} // namespace leat
