#pragma once

#include <set>

#include "tests/crash/target.hpp"

namespace leat::test {

/// Throws torture_failure with the first differences unless every table of the target equals the
/// source's row by row, also where deleted rows are kept (keyed_soft), and ledger_log, the append
/// target of ledger, holds each change exactly once, in order.
void compare_with_source(pg_session& source, target_reader& reader, const target&,
                         const std::set<std::string>& without = {});

} // namespace leat::test
