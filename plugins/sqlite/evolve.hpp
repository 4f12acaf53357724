#pragma once

#include "dataflow/route.hpp"
#include "plugins/sqlite/database.hpp"

namespace leat::sqlite {

/// Brings the table of a route from one version to the next within the open transaction (R7):
/// columns are told apart by attnum where it is known, else by name. Compares with the table's real
/// columns, so that applying twice does nothing. Columns that cannot be altered in place (another
/// type, another key) make the table anew from its rows; indexes and triggers on it are made again.
void evolve(database&, const route& before, const route& after);

} // namespace leat::sqlite
