#pragma once

#include <array>
#include <cstdint>

namespace leat::blackhole {

/// Counts of durations in microseconds, in buckets of a sixteenth of a power of two: quantiles are
/// right to 6 %. What is below 0 counts as 0.
class lag_histogram {
 public:
  void add(std::int64_t microseconds) noexcept;
  std::uint64_t count() const noexcept { return count_; }
  std::int64_t max() const noexcept { return max_; }
  /// The upper bound of the bucket that holds the q-th part (0 to 1) of all; 0 when there are none.
  std::int64_t quantile(double q) const noexcept;

 private:
  static constexpr int part_bits = 4;

  std::array<std::uint64_t, (64 - part_bits) << part_bits> buckets_{};
  std::uint64_t count_ = 0;
  std::int64_t max_ = 0;
};

} // namespace leat::blackhole
