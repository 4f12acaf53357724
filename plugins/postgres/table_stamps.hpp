#pragma once

#include <map>
#include <string>
#include <vector>

#include "dataflow/schema.hpp"
#include "plugins/postgres/connection.hpp"

namespace leat::postgres {

/// Stamps of these tables as the catalog has them now; without those that are gone. Locks nothing.
std::map<oid, table_stamp> read_stamps(connection&, const std::string& publication,
                                       const std::vector<oid>& tables);

} // namespace leat::postgres
