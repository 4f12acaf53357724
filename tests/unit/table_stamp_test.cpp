#include "dataflow/table_stamp.hpp"

#include <gtest/gtest.h>

namespace leat {

namespace {

using enum unstreamed_change;

const table_stamp known{10, 500, {{1, 700}, {2, 701}}};

TEST(TableStamp, OfARewriteThatAlteredAColumnTellsOfOtherValues) {
  EXPECT_EQ(compare_stamps(known, {10, 501, {{1, 700}, {2, 800}}}), rewritten);
}

TEST(TableStamp, OfATableThatIsPackedAnewOrAlteredWithoutARewriteTellsNothing) {
  EXPECT_EQ(compare_stamps(known, {10, 501, known.columns}), none);
  EXPECT_EQ(compare_stamps(known, {10, 500, {{1, 700}, {2, 800}}}), none);
}

TEST(TableStamp, OfARewriteForANewColumnTellsNothingOfTheOthers) {
  EXPECT_EQ(compare_stamps(known, {10, 501, {{1, 700}, {2, 701}, {3, 900}}}), none);
  EXPECT_EQ(compare_stamps(known, {10, 501, {{1, 700}}}), none);
}

TEST(TableStamp, OfAnotherMembershipTellsThatTheTableHadLeft) {
  EXPECT_EQ(compare_stamps(known, {11, 500, known.columns}), unpublished);
}

TEST(TableStamp, ThatIsNotKnownTellsNothing) {
  EXPECT_EQ(compare_stamps({}, known), none);
  EXPECT_EQ(compare_stamps(known, {}), none);
}

TEST(TableStamp, RemembersTheMembershipOfATableThatIsOutUntilItIsBack) {
  auto held = known;
  EXPECT_EQ(follow(held, {0, 502, known.columns}), none);
  EXPECT_EQ(held, (table_stamp{10, 502, known.columns}));
  EXPECT_EQ(follow(held, {12, 502, known.columns}), unpublished);
  EXPECT_EQ(follow(held, {12, 502, known.columns}), none);
  EXPECT_EQ(follow(held, {}), none);
  EXPECT_EQ(held, (table_stamp{12, 502, known.columns}));
}

} // namespace

} // namespace leat
