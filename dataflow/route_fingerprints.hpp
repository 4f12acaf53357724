#pragma once

#include <map>
#include <string>
#include <vector>

#include "dataflow/checkpoint.hpp"
#include "dataflow/route.hpp"
#include "dataflow/state_store.hpp"

namespace leat {

/// What R12 compares, as text: the source table's name, columns, key, mode, delete and target.
/// Equal for routes that leave the same rows. Only routes over the same version of a table can be
/// compared.
std::string route_fingerprint(const route&);

/// Whether the fingerprint is of a route over this table, "schema.table".
bool is_fingerprint_over(const std::string& fingerprint, const std::string& table);

/// What differs between two fingerprints, for the message that refuses a changed route; empty when
/// they are equal.
std::string compare_fingerprints(const std::string& before, const std::string& after);

/// "sink/target" -> route_fingerprint(), as a checkpoint keeps them (R12).
std::map<std::string, std::string> fingerprints(const std::vector<route_ptr>&);

/// Routes over tables that are to be read again count as new ones, whatever they were (R12).
void let_go_of_routes(checkpoint& from, const std::vector<resnapshot_request>&);

/// Throws when a route would now give other rows than before (R12). Both are fingerprints().
void refuse_changed_routes(const std::map<std::string, std::string>& before,
                           const std::map<std::string, std::string>& now);

} // namespace leat
