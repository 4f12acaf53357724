#pragma once

#include <chrono>

#include "dataflow/schema.hpp"
#include "plugins/postgres/connection.hpp"
#include "plugins/postgres/locked_table.hpp"

namespace leat::postgres {

/// Throws what a failed read of `table` means for a person: the table as its place and what mends
/// it. `c` has no transaction open; it is asked which right is missing. `filtered`: a predicate of
/// the pipeline file may have been part of the statement.
[[noreturn]] void throw_explained(connection& c, const server_error&, const table_schema& table,
                                  bool filtered, std::chrono::milliseconds lock_timeout);

[[noreturn]] void throw_rows_hidden(const connection&, const locked_table&);

} // namespace leat::postgres
