#pragma once

#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "tests/support/pg_server.hpp"
#include "tests/support/process.hpp"

namespace leat::bench {

/// What a run is told on the command line.
struct settings {
  double scale = 1; ///< of every number of rows
  int runs = 3;     ///< of each of the two that are compared, in turn
  std::vector<std::string> cases;

  std::size_t rows(double at_scale_1) const { return static_cast<std::size_t>(at_scale_1 * scale); }
};

/// One run of leat or of a peer.
struct measured {
  double wall = 0;       ///< s, from the start of the process until the last row is there
  double cpu = 0;        ///< s, user and system, of the process, and of the target server if any
  double server_cpu = 0; ///< s, of the source server with all its processes
  double rss_mb = 0;     ///< peak, of the process
};

/// The middle run by wall time, with the other figures each their own median.
measured median_of(std::vector<measured>);

/// Of two that ran in turn, the pair whose ratio of wall times is the middle one: a shared machine
/// is another from pair to pair, and less so within one.
std::pair<measured, measured> middle_pair(const std::vector<measured>& ours,
                                          const std::vector<measured>& theirs);

/// User and system time so far of a server with all its processes, those that have ended too.
double server_cpu_seconds(const test::pg_server&);

/// What the child has used so far, in s.
double cpu_seconds_of(pid_t);

double now_seconds(); ///< CLOCK_REALTIME

/// As tests use it, but with fsync, and with memory and WAL for a backlog.
test::pg_server_options server_for_benchmarks();

/// Polls until it is true; throws after `limit` seconds.
void wait_until(const std::string& what, const std::function<bool()>& holds, double limit = 300);

/// Runs the peer's command to its end, as whole process.
measured run_peer(const test::pg_server& source, const std::vector<std::string>& command);

} // namespace leat::bench
