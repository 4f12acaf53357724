#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "dataflow/frame.hpp"
#include "dataflow/position.hpp"

namespace leat {

/// How far each sink is behind the source. A sink stands at an epoch once it has committed every
/// epoch up to it that has something for it. Times are microseconds since 2000, as the stream's
/// commit times are. Not thread-safe.
class lag_meter {
 public:
  struct lag {
    std::uint64_t bytes = 0; ///< of WAL between the sink and the source's end
    /// Since the oldest commit that passed the router and is not at the sink yet; 0 when none did.
    std::int64_t microseconds = 0;
  };

  void start(const std::vector<std::string>& sinks, wal_lsn passed);
  /// The source has written its WAL up to here.
  void source_end(wal_lsn);
  /// The first transaction behind the barrier of `epoch` was committed at the source at `time`.
  void first_after(epoch_id, std::int64_t time);
  /// The barrier has passed the router; `committing` are the sinks that have something to commit.
  void cut(epoch_id, wal_lsn passed, const std::set<std::string>& committing);
  void committed(const std::string& sink, epoch_id);

  /// Nothing for an unknown sink, or while the source has not said where it stands.
  std::optional<lag> of(const std::string& sink, std::int64_t now) const;
  wal_lsn source_end() const { return source_end_; }

 private:
  struct stand {
    epoch_id at = 0;
    wal_lsn passed{};
    std::set<epoch_id> open; ///< cut and not committed
  };

  void settle(stand&);
  void prune();

  wal_lsn source_end_{};
  std::map<std::string, stand> stands_;
  std::map<epoch_id, wal_lsn> cuts_;
  std::map<epoch_id, std::int64_t> first_after_;
};

/// The present moment, as commit times are counted.
std::int64_t commit_time_now();

} // namespace leat
