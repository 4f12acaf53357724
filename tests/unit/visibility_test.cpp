#include "dataflow/visibility.hpp"

#include <gtest/gtest.h>

namespace leat {
namespace {

constexpr std::uint64_t lap = std::uint64_t{1} << 32;

TEST(XidSnapshot, ParsesWhatPgCurrentSnapshotPrints) {
  EXPECT_EQ(parse_xid_snapshot("758:758:"), (xid_snapshot{758, 758, {}}));
  EXPECT_EQ(parse_xid_snapshot("758:761:758"), (xid_snapshot{758, 761, {758}}));
  EXPECT_EQ(parse_xid_snapshot("10:20:10,14,15"), (xid_snapshot{10, 20, {10, 14, 15}}));
  EXPECT_EQ(parse_xid_snapshot("17179869180:17179869187:17179869180,17179869185"),
            (xid_snapshot{17179869180, 17179869187, {17179869180, 17179869185}}));
}

TEST(XidSnapshot, OfANewSlotMaySeeBeyondTheLastCommitThatWasNoted) {
  EXPECT_EQ(parse_xid_snapshot("5135:5103:"), (xid_snapshot{5135, 5135, {}}));
}

TEST(XidSnapshot, RefusesWhatIsNotASnapshot) {
  for (const auto* text :
       {"", "1", "1:2", "1:2:x", "10:20:10,", "10:20:,10", "10:20:10 11", "-1:2:", "10:20:9",
        "10:20:20", "10:20:12,11", "10:20:11,11", " 1:2:", "99999999999999999999:2:"})
    EXPECT_EQ(parse_xid_snapshot(text), std::nullopt) << text;
}

TEST(XidSnapshot, SeesWhatIsOverAndNotWhatRunsOrHadNotBegun) {
  const xid_snapshot s{758, 761, {758}};
  EXPECT_TRUE(s.sees(757));
  EXPECT_FALSE(s.sees(758));
  EXPECT_TRUE(s.sees(759));
  EXPECT_TRUE(s.sees(760));
  EXPECT_FALSE(s.sees(761));
  EXPECT_FALSE(s.sees(4000));
}

TEST(XidSnapshot, WidensWithItsOwnEpoch) {
  const xid_snapshot s{7 * lap + 1000, 7 * lap + 1000, {}};
  EXPECT_EQ(s.widen(999), 7 * lap + 999);
  EXPECT_EQ(s.widen(1000), 7 * lap + 1000);
  EXPECT_EQ(s.widen(5000), 7 * lap + 5000);
}

TEST(XidSnapshot, WidensAcrossTheWrapInBothDirections) {
  const xid_snapshot after{4 * lap + 3, 4 * lap + 5, {4 * lap + 3}};
  EXPECT_EQ(after.widen(4294967295U), 4 * lap - 1);
  EXPECT_EQ(after.widen(4), 4 * lap + 4);
  const xid_snapshot before{4 * lap - 5, 4 * lap - 1, {4 * lap - 5}};
  EXPECT_EQ(before.widen(3), 4 * lap + 3);
  EXPECT_EQ(before.widen(4294967290U), 4 * lap - 6);
}

TEST(XidSnapshot, WidensTheOldestXidsThatMayStillRun) {
  const xid_snapshot s{0, 5 * lap + 10, {}};
  EXPECT_EQ(s.widen(10 + 0x80000000U), 5 * lap + 10 + 0x80000000U);
  EXPECT_EQ(s.widen(11 + 0x80000000U), 4 * lap + 11 + 0x80000000U);
}

TEST(XidSnapshot, StaysInTheFirstEpochWhenThereIsNoneBefore) {
  const xid_snapshot s{100, 200, {}};
  EXPECT_EQ(s.widen(4000000000U), 4000000000U);
  EXPECT_FALSE(s.sees_streamed(4000000000U));
}

TEST(XidSnapshot, DoesNotSeeATransactionOlderThanTheWrapThatStillRuns) {
  const xid_snapshot s{4 * lap - 2, 4 * lap + 5, {4 * lap - 2, 4 * lap + 4}};
  EXPECT_FALSE(s.sees_streamed(4294967294U));
  EXPECT_TRUE(s.sees_streamed(4294967295U));
  EXPECT_TRUE(s.sees_streamed(3));
  EXPECT_FALSE(s.sees_streamed(4));
  EXPECT_FALSE(s.sees_streamed(5));
}

TEST(XidSnapshot, PassesAFenceOnceNobodyOlderRuns) {
  const xid_snapshot s{758, 770, {758, 762, 769}};
  EXPECT_TRUE(s.passed_fence(758));
  EXPECT_FALSE(s.passed_fence(759));
}

TEST(XidSnapshot, ComparesByAge) {
  const xid_snapshot early{10, 20, {10, 15}};
  const xid_snapshot later{15, 20, {15}};
  const xid_snapshot last{15, 21, {15, 20}};
  EXPECT_TRUE(later.sees_as_much_as(early));
  EXPECT_FALSE(early.sees_as_much_as(later));
  EXPECT_TRUE(last.sees_as_much_as(later));
  EXPECT_FALSE(later.sees_as_much_as(last));
  EXPECT_TRUE(last.sees_as_much_as(last));
}

} // namespace
} // namespace leat
