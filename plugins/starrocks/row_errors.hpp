#pragma once

#include <map>
#include <string>
#include <vector>

#include "plugins/starrocks/errors.hpp"
#include "plugins/starrocks/load_api.hpp"

namespace leat::starrocks {

/// The error with the table, and for each of the first lines of the server's log what is wrong with
/// which row. `keys`: tables of the load -> names of their key columns, which come first in a
/// line's row.
leat::error explained(const row_error&, const load_name&,
                      const std::map<std::string, std::vector<std::string>>& keys,
                      const std::string& database);

} // namespace leat::starrocks
