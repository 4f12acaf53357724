#pragma once

#include <chrono>
#include <memory>
#include <mutex>
#include <string>

namespace leat::starrocks {

/// How long epochs have to be for the target to keep up: longer when it refuses more versions of
/// its tablets, or takes long to show what was committed, time after time; shorter again while it
/// does neither.
/// Thread-safe.
class epoch_pace {
 public:
  using time_point = std::chrono::steady_clock::time_point;
  using milliseconds = std::chrono::milliseconds;

  /// A commit ended at `now`, and took that long.
  void committed(time_point now, milliseconds took);
  /// The server has refused a load, or a statement, because of too many versions.
  void refused(time_point now);

  /// The least time between two commits; zero: any.
  milliseconds least() const;

 private:
  void lengthen(milliseconds to);

  mutable std::mutex guard_;
  milliseconds least_{};
  milliseconds length_{}; ///< of the last epochs
  time_point last_commit_{};
  time_point last_refusal_{}; ///< that was counted
  milliseconds slow_{};       ///< what the last commit took, when that was long
  int calm_ = 0;              ///< commits since something was wrong
};

/// That of a pipeline's sink in this process: outlives sinks that are thrown away after an error.
std::shared_ptr<epoch_pace> pace_of(const std::string& pipeline, const std::string& database);

} // namespace leat::starrocks
