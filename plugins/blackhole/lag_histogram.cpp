#include "plugins/blackhole/lag_histogram.hpp"

#include <algorithm>
#include <bit>
#include <cmath>

namespace leat::blackhole {

void lag_histogram::add(std::int64_t microseconds) noexcept {
  const auto value = static_cast<std::uint64_t>(std::max<std::int64_t>(0, microseconds));
  // The leading bits name the bucket: the power of two, and the part of it.
  const int shift = std::max(0, static_cast<int>(std::bit_width(value)) - 1 - part_bits);
  const auto bucket = (static_cast<std::uint64_t>(shift) << part_bits) + (value >> shift);
  ++buckets_[bucket];
  ++count_;
  max_ = std::max(max_, microseconds);
}

std::int64_t lag_histogram::quantile(double q) const noexcept {
  const auto rank = static_cast<std::uint64_t>(std::ceil(q * static_cast<double>(count_)));
  std::uint64_t seen = 0;
  for (std::size_t i = 0; i < buckets_.size(); ++i) {
    seen += buckets_[i];
    if (seen == 0 || seen < rank) continue;
    constexpr std::uint64_t parts = 1U << part_bits;
    const auto shift = i < 2 * parts ? 0 : (i >> part_bits) - 1;
    const auto upper = ((i - (shift << part_bits) + 1) << shift) - 1;
    return std::min(max_, static_cast<std::int64_t>(upper));
  }
  return 0;
}

} // namespace leat::blackhole
