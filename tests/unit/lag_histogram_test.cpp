#include "plugins/blackhole/lag_histogram.hpp"

#include <gtest/gtest.h>

namespace leat::blackhole {
namespace {

TEST(LagHistogram, IsZeroWhenNothingCame) {
  const lag_histogram none;
  EXPECT_EQ(none.count(), 0U);
  EXPECT_EQ(none.quantile(0.5), 0);
}

TEST(LagHistogram, QuantilesAreRightToASixteenth) {
  lag_histogram h;
  for (int i = 1; i <= 100000; ++i) h.add(i);
  EXPECT_EQ(h.count(), 100000U);
  EXPECT_EQ(h.max(), 100000);
  for (const double q : {0.0001, 0.01, 0.5, 0.99, 0.999, 1.0}) {
    const auto exact = q * 100000;
    EXPECT_GE(static_cast<double>(h.quantile(q)), exact) << q;
    EXPECT_LE(static_cast<double>(h.quantile(q)), exact * 17 / 16) << q;
  }
}

TEST(LagHistogram, ClocksThatRunApartGiveZeroNotAHugeLag) {
  lag_histogram h;
  h.add(-5);
  h.add(INT64_MAX);
  EXPECT_EQ(h.quantile(0.5), 0);
  EXPECT_EQ(h.quantile(1), INT64_MAX);
}

} // namespace
} // namespace leat::blackhole
