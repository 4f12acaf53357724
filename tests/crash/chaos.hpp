#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <thread>
#include <vector>

#include "tests/crash/leat_process.hpp"
#include "tests/crash/target.hpp"

namespace leat::test {

/// What may be done to a round's processes.
struct chaos_options {
  bool source_restarts = true;
  bool tear_state = true;
  double starrocks_points = 0; ///< share of the crash points that are those of a StarRocks sink
};

/// Makes trouble for leat, the source and the targets, at seeded moments.
class chaos {
 public:
  chaos(leat_process&, pg_server& source, std::string database,
        const std::vector<std::unique_ptr<target>>&, action_log&, std::uint64_t seed,
        chaos_options = {});

  /// One piece of trouble; starts leat when it is down. Returns when it is done, but for a target's
  /// lock.
  void act();
  /// The pause until the next, when there is trouble for `time` in all.
  std::chrono::milliseconds pause(std::chrono::milliseconds time);
  /// Ends the trouble of the targets.
  void calm();

 private:
  using action = void (chaos::*)();

  void kill();
  void arm_crash_point();
  void terminate();
  void freeze();
  void restart_source();
  void cut_source_connections();
  void block_target();
  void disturb_target();
  void start();
  double disturbance() const;

  leat_process& leat_;
  pg_server& source_;
  std::string database_;
  const std::vector<std::unique_ptr<target>>& targets_;
  action_log& log_;
  dice dice_;
  chaos_options options_;
  bool patient_; ///< tables join a pipeline that is left alone for two seconds
  std::jthread blocker_;
};

} // namespace leat::test
