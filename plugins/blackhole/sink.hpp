#pragma once

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "dataflow/sink.hpp"
#include "plugins/blackhole/lag_histogram.hpp"

namespace leat::blackhole {

/// What one route has brought. Written by the sink's thread, readable by any.
struct counters {
  std::atomic<std::uint64_t> changes{0};
  std::atomic<std::uint64_t> bytes{0}; ///< of the values of new rows, else of old rows
};

/// When changes came, over all routes: microseconds since 1970.
struct arrivals {
  std::int64_t first = 0; ///< 0: nothing yet
  std::int64_t last = 0;
  lag_histogram lag; ///< of each transaction, from its commit until it came
};

/// Counts and drops, for measuring. It has nowhere to keep a progress record: open() never gives
/// one, and a restart goes on from the checkpoint alone.
class sink final : public leat::sink {
 public:
  /// At each commit() what came so far is written to `report`, unless that is empty: JSON with
  /// changes, bytes, first_us, last_us, and of the lags transactions, p50_us, p99_us, p999_us,
  /// max_us.
  explicit sink(std::filesystem::path report = {});
  ~sink() override;

  std::optional<target_progress> open() override { return std::nullopt; }
  bool keeps_progress() const override { return false; }
  writer& attach(const route_ptr&) override;
  std::map<route_id, missing_rows> prepare() override { return {}; }
  void commit(const target_progress& next) override;
  void forget() override {}
  std::string ddl(const route&) const override { return {}; }

  /// Valid as long as any holder keeps it; attach() of the route makes it.
  std::shared_ptr<const counters> counts(route_id) const;

  /// Epoch of the last commit(); 0 before. Any thread.
  epoch_id committed() const { return committed_.load(std::memory_order_acquire); }

 private:
  class counting_writer;

  void write_report() const;

  std::filesystem::path report_;
  arrivals arrivals_;
  std::map<route_id, std::unique_ptr<counting_writer>> writers_;
  std::atomic<epoch_id> committed_{0};
};

} // namespace leat::blackhole
