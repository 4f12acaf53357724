#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <set>
#include <string>

#include "tests/crash/chaos.hpp"
#include "tests/support/starrocks_double.hpp"

namespace leat::test {

/// What the second sink of a round is; the first is SQLite.
enum class second_target { sqlite, postgres, starrocks_epoch, starrocks_table };

inline bool is_starrocks(second_target kind) {
  return kind == second_target::starrocks_epoch || kind == second_target::starrocks_table;
}

/// How a round is made.
struct round_options {
  std::uint64_t seed = 1;
  std::chrono::milliseconds time{5500}; ///< of workload and trouble
  std::chrono::seconds catch_up{90};    ///< the longest that leat may take at the end
  second_target second = second_target::sqlite;
  std::string server_version = {}; ///< of StarRocks; empty: the seed chooses
  bool trouble = true;
  bool keep = false;                  ///< what there is to say is written also when all is well
  std::set<std::string> without = {}; ///< tables that leat does not carry
  chaos_options chaos = {};
  std::filesystem::path leat;
  std::string plugins; ///< directory of those of examples/plugins
};

/// Where a round's time went, in seconds.
struct round_times {
  double making = 0;  ///< its databases and first rows
  double trouble = 0; ///< and workload, until both are ended
  double catching_up = 0;
  double comparing = 0;
  double whole() const { return making + trouble + catching_up + comparing; }
};

/// What happened in a round that went well.
struct round_report {
  long transactions = 0;
  long consistent_reads = 0;
  int deaths = 0;
  int faults = 0; ///< that struck a target
  round_times times = {};
};

/// The servers that a round's second target needs; the others are null.
struct target_servers {
  pg_server* postgres = nullptr;
  starrocks_double* starrocks = nullptr;
};

/// One seed of the crash test: a fresh database, pipeline and two targets in `directory`; a
/// workload and trouble; then leat catches up, and everything is compared. Throws torture_failure.
round_report run_round(const round_options&, pg_server& source, const target_servers&,
                       const std::filesystem::path& directory);

} // namespace leat::test
