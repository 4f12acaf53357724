#include "tests/crash/chaos.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace leat::test {

using namespace std::chrono_literals;

chaos::chaos(leat_process& leat, pg_server& source, std::string database,
             const std::vector<std::unique_ptr<target>>& targets, action_log& log,
             std::uint64_t seed, chaos_options options)
    : leat_(leat), source_(source), database_(std::move(database)), targets_(targets), log_(log),
      dice_(seed), options_(options), patient_(dice_.chance(0.3)) {}

std::chrono::milliseconds chaos::pause(std::chrono::milliseconds time) {
  const auto longest = patient_ ? std::clamp(time / 2, 900ms, 3600ms) : 900ms;
  return std::chrono::milliseconds(dice_.between(30, static_cast<int>(longest.count())));
}

void chaos::act() {
  if (!leat_.running()) return start();
  const std::vector<std::pair<action, double>> actions = {
      {&chaos::kill, 5},           {&chaos::arm_crash_point, 6},
      {&chaos::terminate, 1},      {&chaos::freeze, 1},
      {&chaos::restart_source, 1}, {&chaos::cut_source_connections, 2},
      {&chaos::block_target, 3},   {&chaos::disturb_target, disturbance()}};
  std::vector<double> weights;
  for (const auto& [ignored, weight] : actions) weights.push_back(weight);
  (this->*actions[dice_.weighted(weights)].first)();
}

double chaos::disturbance() const {
  double most = 0;
  for (const auto& target : targets_) most = std::max(most, target->disturbance());
  return most;
}

void chaos::calm() {
  blocker_ = {};
  for (const auto& target : targets_) target->calm();
}

void chaos::start() {
  static const std::vector<std::string> points = {
      "chunk_before",     "chunk_emitted",        "part_emitted",        "barrier_before",
      "barrier_sent",     "target_commit_before", "target_commit_after", "checkpoint_before",
      "checkpoint_after", "slot_confirm_before",  "slot_confirm",        "operators_synced",
      "join_published",   "join_asked",           "start_prepared",      "start_saved"};
  static const std::vector<std::string> starrocks_points = {
      "starrocks_load",          "starrocks_prepared",
      "starrocks_decided",       "starrocks_table_committed",
      "starrocks_commit_before", "starrocks_commit_after",
      "starrocks_drained"};
  if (dice_.chance(0.5)) return leat_.start();
  leat_.start(fmt::format(
      "{}:{}", dice_.pick(dice_.chance(options_.starrocks_points) ? starrocks_points : points),
      dice_.between(1, dice_.chance(0.5) ? 4 : 40)));
}

void chaos::kill() {
  leat_.kill();
  if (options_.tear_state && dice_.chance(0.5)) leat_.tear_unsynced(dice_);
  if (dice_.chance(0.7)) start();
}

/// leat reads its crash point as it starts.
void chaos::arm_crash_point() {
  leat_.kill();
  start();
}

void chaos::terminate() {
  leat_.terminate();
  start();
}

void chaos::freeze() {
  leat_.pause();
  std::this_thread::sleep_for(std::chrono::milliseconds(dice_.between(50, 700)));
  leat_.resume();
}

void chaos::restart_source() {
  if (!options_.source_restarts) return;
  switch (dice_.between(0, 2)) {
  case 0:
    log_.add("source: restart, fast");
    source_.restart(pg_stop::fast);
    break;
  case 1:
    log_.add("source: restart, immediate");
    source_.restart(pg_stop::immediate);
    break;
  default:
    log_.add("source: crash");
    source_.crash();
    std::this_thread::sleep_for(std::chrono::milliseconds(dice_.between(0, 300)));
    source_.start();
  }
  log_.add("source: up");
}

void chaos::cut_source_connections() {
  const bool walsender = dice_.chance(0.5);
  source_.execute(fmt::format(
      "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{}'"
      " AND application_name NOT IN ('workload', 'observer') AND backend_type {} 'walsender'",
      database_, walsender ? "=" : "<>"));
  log_.add(walsender ? "source: walsender cut" : "source: other connections cut");
}

void chaos::block_target() {
  blocker_ = {};
  const auto& target = *dice_.pick(targets_);
  const auto time = std::chrono::milliseconds(dice_.between(100, 1500));
  log_.add(fmt::format("{}: locked for {} ms", target.name(), time.count()));
  blocker_ =
      std::jthread([&target, time](const std::stop_token& told) { target.block(time, told); });
}

void chaos::disturb_target() {
  std::vector<double> weights;
  for (const auto& target : targets_) weights.push_back(target->disturbance());
  const auto done = targets_[dice_.weighted(weights)]->disturb(dice_);
  if (!done.empty()) log_.add(done);
}

} // namespace leat::test
