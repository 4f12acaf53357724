#pragma once

#include "dataflow/route.hpp"
#include "plugins/postgres/target_session.hpp"
#include "plugins/postgres/target_table.hpp"

namespace leat::postgres {

/// Brings the table of a route from one version to the next within the open transaction (R7).
/// Columns are told apart by attnum where it is known, else by name. A target that lacks columns of
/// `before` is ahead of the stream, and left alone; so applying twice does nothing.
void evolve(target_session&, const table_place&, const route& before, const route& after);

} // namespace leat::postgres
