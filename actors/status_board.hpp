#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "actors/lag_meter.hpp"
#include "dataflow/catalog_news.hpp"
#include "dataflow/checkpoint.hpp"
#include "dataflow/operator_state.hpp"
#include "dataflow/sink.hpp"

namespace leat {

/// Why a stage does nothing. Logs, metrics, status and tests share it.
enum class wait_reason : std::uint8_t {
  none,       ///< it works, or has nothing to do
  credit,     ///< the stage after it has not granted more
  checkpoint, ///< the coordinator has not synced the checkpoint yet
  target,     ///< a call to the target
};
const char* to_string(wait_reason);
const char* to_string(snapshot_phase);
const char* to_string(table_fate);

/// For people: what became of a table, and what that means.
std::string text_of(table_fate);
std::string text_of(const new_table&);

struct table_status {
  std::string name;
  snapshot_phase phase = snapshot_phase::waiting;
  std::uint32_t generation = 0;
  std::uint64_t rows = 0;
  std::uint64_t rows_estimated = 0;
  std::uint64_t chunks_left = 0;
  std::uint64_t fence_xid = 0;    ///< while waiting: every transaction before it has to end (R5.5)
  std::int64_t reading_since = 0; ///< when rows were first seen, as commit_time_now(); 0: not yet
  std::uint64_t rows_before = 0;  ///< rows at that moment

  /// Over the time of reading in this run; 0 when there is nothing to tell it from.
  double rows_per_second(std::int64_t now) const;
  /// By the estimate of rows; nothing when it is unknown.
  std::optional<double> seconds_left(std::int64_t now) const;
};
/// Takes over where a snapshot stands; null: it has none.
void show_snapshot(table_status&, const table_snapshot*, std::int64_t now);

struct sink_status {
  std::string connector;
  target_progress progress;
  wait_reason waits = wait_reason::none;
  std::uint64_t changes = 0;
  std::vector<operator_size> states; ///< of transforms
  std::chrono::milliseconds pace{};  ///< epochs are to be this long at least; zero: any length
};

struct pipeline_status {
  std::string pipeline;
  std::string pipeline_id;
  std::string state;   ///< "starting", "running", "restarting", "stopping", "stopped"
  std::string message; ///< last trouble; empty when there is none
  epoch_id epoch = 0;  ///< last checkpoint written
  commit_lsn position{};
  wal_lsn passed{}; ///< of the stream at the last barrier
  wal_lsn confirmed{};
  wal_lsn target{};          ///< --until
  std::uint64_t changes = 0; ///< routed since the start
  wait_reason router_waits = wait_reason::none;
  std::int64_t commit_time = 0; ///< of the last change routed, microseconds since 2000
  std::map<oid, table_status> tables;
  catalog_news news; ///< of the source, since the pipeline began
  /// fingerprints() of the routes, as the stream has them by now.
  std::shared_ptr<const std::map<std::string, std::string>> routes;
  std::vector<std::string> open_transactions; ///< that the slot, or a fence (R5.5), waits for
  std::map<std::string, sink_status> sinks;
  lag_meter lag;
};

/// What the stages say of themselves, for status, progress display and HTTP. Thread-safe.
class status_board {
 public:
  /// Changes the status under the lock.
  template <class Change>
  void update(Change&& change) {
    const std::scoped_lock lock(mutex_);
    change(status_);
  }
  pipeline_status read() const {
    const std::scoped_lock lock(mutex_);
    return status_;
  }

 private:
  mutable std::mutex mutex_;
  pipeline_status status_;
};

/// The form of `leat status --json`.
std::string to_json(const pipeline_status&, std::int64_t now);

} // namespace leat
