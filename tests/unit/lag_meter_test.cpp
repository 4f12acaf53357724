#include "actors/lag_meter.hpp"

#include <gtest/gtest.h>

namespace leat {
namespace {

constexpr std::int64_t second = 1'000'000;

lag_meter started() {
  lag_meter m;
  m.start({"a", "b"}, wal_lsn{100});
  return m;
}

TEST(LagMeter, IsUnknownUntilTheSourceHasSaidWhereItStands) {
  auto m = started();
  EXPECT_FALSE(m.of("a", 0));
  m.source_end(wal_lsn{150});
  ASSERT_TRUE(m.of("a", 0));
  EXPECT_EQ(m.of("a", 0)->bytes, 50U);
  EXPECT_FALSE(m.of("nobody", 0));
}

TEST(LagMeter, ASinkStandsAtTheLastCutThatItHasCommitted) {
  auto m = started();
  m.source_end(wal_lsn{300});
  m.cut(1, wal_lsn{200}, {"a"});
  EXPECT_EQ(m.of("a", 0)->bytes, 200U);
  m.committed("a", 1);
  EXPECT_EQ(m.of("a", 0)->bytes, 100U);
}

TEST(LagMeter, ASinkWithNothingToCommitStandsAtTheBarrier) {
  auto m = started();
  m.source_end(wal_lsn{300});
  m.cut(1, wal_lsn{200}, {"a"});
  EXPECT_EQ(m.of("b", 0)->bytes, 100U);
}

TEST(LagMeter, AnOpenEpochHoldsASinkBeforeLaterOnes) {
  auto m = started();
  m.source_end(wal_lsn{400});
  m.cut(1, wal_lsn{200}, {"a"});
  m.cut(2, wal_lsn{300}, {});
  m.cut(3, wal_lsn{400}, {"a"});
  EXPECT_EQ(m.of("a", 0)->bytes, 300U);
  m.committed("a", 1);
  EXPECT_EQ(m.of("a", 0)->bytes, 100U);
  m.committed("a", 3);
  EXPECT_EQ(m.of("a", 0)->bytes, 0U);
}

TEST(LagMeter, SecondsCountFromTheOldestCommitThatIsNotThere) {
  auto m = started();
  m.first_after(0, 5 * second);
  m.cut(1, wal_lsn{200}, {"a"});
  m.first_after(1, 7 * second);
  EXPECT_EQ(m.of("a", 9 * second)->microseconds, 4 * second);
  EXPECT_EQ(m.of("b", 9 * second)->microseconds, 2 * second);
  m.committed("a", 1);
  EXPECT_EQ(m.of("a", 9 * second)->microseconds, 2 * second);
}

TEST(LagMeter, ASinkThatHasEverythingHasNoLag) {
  auto m = started();
  m.first_after(0, 5 * second);
  m.cut(1, wal_lsn{200}, {"a"});
  m.committed("a", 1);
  EXPECT_EQ(m.of("a", 1000 * second)->bytes, 0U);
  EXPECT_EQ(m.of("a", 1000 * second)->microseconds, 0);
}

TEST(LagMeter, AClockBehindTheSourcesGivesNoNegativeLag) {
  auto m = started();
  m.first_after(0, 5 * second);
  m.source_end(wal_lsn{200});
  EXPECT_EQ(m.of("a", 4 * second)->microseconds, 0);
}

} // namespace
} // namespace leat
