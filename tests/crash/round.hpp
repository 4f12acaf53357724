#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <set>
#include <string>

#include "tests/crash/chaos.hpp"

namespace leat::test {

/// How a round is made.
struct round_options {
  std::uint64_t seed = 1;
  std::chrono::milliseconds time{8000}; ///< of workload and trouble
  std::chrono::seconds catch_up{90};    ///< the longest that leat may take at the end
  bool postgres_target = false;         ///< the second sink is PostgreSQL; SQLite otherwise
  bool trouble = true;
  std::set<std::string> without = {}; ///< tables that leat does not carry
  chaos_options chaos = {};
  std::filesystem::path leat;
};

/// What happened in a round that went well.
struct round_report {
  long transactions = 0;
  long consistent_reads = 0;
  int deaths = 0;
};

/// One seed of the crash test: a fresh database, pipeline and two targets in `directory`; a
/// workload and trouble; then leat catches up, and everything is compared. Throws torture_failure.
round_report run_round(const round_options&, pg_server& source, pg_server* target_server,
                       const std::filesystem::path& directory);

} // namespace leat::test
