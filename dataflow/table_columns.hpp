#pragma once

#include <string>

#include "dataflow/route.hpp"

namespace leat {

/// What a progress record says of the columns that a target's table has: by which columns of the
/// source they are (docs/progress-row.md). Equal for versions of a route that need no DDL between
/// them.
std::string columns_record(const route&);

/// Whether two versions of a route are of the same source table, with the same columns and key.
bool same_table(const route&, const route&);

/// The route as it was when its table got these columns: the writer that is attached with it finds
/// the table as it expects it, and change_schema() leads on from there. The route itself where
/// `record` is its own, is empty, or is of another source table. Throws leat::error of kind sink
/// for a text that is no record.
route_ptr as_recorded(const route_ptr&, const std::string& record);

} // namespace leat
