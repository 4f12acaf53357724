#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <string>

#include "tests/crash/action_log.hpp"
#include "tests/crash/dice.hpp"
#include "tests/support/process.hpp"

namespace leat::test {

/// The `leat run` of a round, killed and started again.
class leat_process {
 public:
  /// `directory` holds shop.toml and the state directory `state`, and gets leat.log.
  leat_process(std::filesystem::path binary, std::filesystem::path directory, action_log&);

  /// `crash_point` as in LEAT_CRASH_POINT, or nothing.
  void start(const std::string& crash_point = "");
  /// SIGKILL. Nothing happens when it is down already.
  void kill();
  /// SIGTERM; throws torture_failure unless it ends with 0 within ten seconds and a little.
  void terminate();
  void pause();
  void resume();

  /// False when it is down because of its crash point; throws torture_failure when it ended
  /// otherwise.
  bool running();

  /// Runs until caught up; throws torture_failure unless that exits with 0 in time.
  /// `nudge` is called now and then meanwhile.
  void catch_up(std::chrono::seconds, const std::function<void()>& nudge);

  /// After kill(): cuts the files of the state directory back to somewhere between what was synced
  /// and what was written. Gives the bytes that went.
  std::uintmax_t tear_unsynced(dice&);

  int deaths() const { return deaths_; }

 private:
  process_options options(const std::string& crash_point) const;
  [[noreturn]] void fail(const std::string& what) const;

  std::filesystem::path binary_;
  std::filesystem::path directory_;
  action_log& log_;
  std::unique_ptr<process> process_;
  std::string crash_point_;
  int deaths_ = 0;
};

} // namespace leat::test
