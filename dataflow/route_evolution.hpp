#pragma once

#include "dataflow/route.hpp"
#include "dataflow/schema_diff.hpp"

namespace leat {

/// The route over the next version of its table (R7): added source columns come at the end when the
/// route takes all, dropped ones go, renamed ones keep their place and take the new name. Throws
/// leat::error of kind source when a column of the key goes, or the table's key becomes another
/// one.
route_ptr evolve_route(const route& before, const schema_ptr& after, const schema_diff&);
/// The same with diff_schemas() of the two versions.
route_ptr evolve_route(const route& before, const schema_ptr& after);

} // namespace leat
