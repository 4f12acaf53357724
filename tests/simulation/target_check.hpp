#pragma once

#include <optional>
#include <string>

#include "tests/simulation/world.hpp"

namespace leat::sim {

/// What is wrong with a target table that calls itself a cut of the source after n transactions.
std::optional<std::string> check_cut(sim_database&, const target_table&, std::size_t n);

/// Takes the rows that were appended since the last commit, which brings the target to n
/// transactions: each change that the slot delivered, in order, and rows of chunks, once a
/// generation. Says what is wrong.
std::optional<std::string> check_log(sim_database&, target_table&, std::size_t n);

} // namespace leat::sim
