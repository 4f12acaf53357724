#pragma once

#include <string>
#include <vector>

#include "dataflow/error.hpp"
#include "dataflow/route.hpp"
#include "plugins/postgres/target_progress.hpp"
#include "plugins/postgres/target_session.hpp"

namespace leat::postgres {

/// What would keep a sink from making its progress tables in `schema` and from taking the routes'
/// tables: missing rights, tables that do not fit, rows of others. Changes nothing.
std::vector<error> check_target(target_session&, target_progress_record&, const std::string& schema,
                                const std::vector<route_ptr>&);

} // namespace leat::postgres
