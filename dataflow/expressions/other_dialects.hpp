#pragma once

#include <string_view>

namespace leat::sql {

// What people write who come from Flink, StarRocks, MySQL or SQL Server. Names in lower case; empty
// where there is nothing to say.

/// What to write instead of a function that PostgreSQL does not have: "COALESCE(a, b)".
std::string_view instead_of_function(std::string_view name);
/// PostgreSQL's name for a type.
std::string_view instead_of_type(std::string_view name);
/// The same for an operator.
std::string_view instead_of_operator(std::string_view name);

} // namespace leat::sql
