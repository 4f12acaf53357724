#pragma once

#include <cstdint>
#include <random>
#include <vector>

namespace leat::test {

/// Seeded choices.
class dice {
 public:
  explicit dice(std::uint64_t seed) : engine_(seed) {}

  /// From first to last, both included.
  int between(int first, int last) {
    return std::uniform_int_distribution<int>(first, last)(engine_);
  }
  bool chance(double share) { return std::bernoulli_distribution(share)(engine_); }

  template <class T>
  const T& pick(const std::vector<T>& from) {
    return from[static_cast<std::size_t>(between(0, static_cast<int>(from.size()) - 1))];
  }
  /// An index, by weights.
  std::size_t weighted(const std::vector<double>& weights) {
    return std::discrete_distribution<std::size_t>(weights.begin(), weights.end())(engine_);
  }

 private:
  std::mt19937_64 engine_;
};

} // namespace leat::test
