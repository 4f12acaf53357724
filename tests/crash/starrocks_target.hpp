#pragma once

#include <cstdint>
#include <string>

#include "tests/crash/target.hpp"
#include "tests/support/starrocks_double.hpp"

namespace leat::test {

/// How leat commits to it (docs/starrocks-exactly-once.md).
enum class starrocks_mode { epoch, table };

/// `cluster` outlives it; the database is made by leat. The seed chooses what kind of cluster it
/// is, and how leat loads; `version` of the servers, unless empty, is not left to it.
std::unique_ptr<target> make_starrocks_target(std::string name, starrocks_double& cluster,
                                              std::string database, starrocks_mode,
                                              std::uint64_t seed, const std::string& version = {});

} // namespace leat::test
