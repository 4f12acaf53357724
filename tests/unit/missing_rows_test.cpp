#include "dataflow/missing_rows.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace leat {
namespace {

using testing::ElementsAre;
using testing::Pair;

const missing_rows whole_table{.whole = true, .keys = {}};

using strings = std::vector<std::string>;

strings key(int number) { return {std::to_string(number)}; }

TEST(MissingRows, AreGatheredByTable) {
  missing_gatherer rows;
  rows.add(1, strings{"a"});
  rows.add(2, strings{"b", "c"});
  rows.add(1, strings{"d"});
  EXPECT_THAT(rows.take(), ElementsAre(Pair(1, missing_rows{.keys = {{"a"}, {"d"}}}),
                                       Pair(2, missing_rows{.keys = {{"b", "c"}}})));
  EXPECT_TRUE(rows.empty());
}

TEST(MissingRows, BeyondTheBoundTheTableWithMostKeysIsMissingAsAWhole) {
  missing_gatherer rows(10 * memory_of(key(1)));
  for (int i = 0; i < 4; ++i) rows.add(1, key(i));
  for (int i = 0; i < 100; ++i) rows.add(2, key(i));
  for (int i = 4; i < 6; ++i) rows.add(1, key(i));
  const auto taken = rows.take();
  EXPECT_EQ(taken.at(1).keys.size(), 6U);
  EXPECT_EQ(taken.at(2), whole_table);
}

TEST(MissingRows, AWholeTableTakesNoRoomForItsKeys) {
  missing_gatherer rows(4 * memory_of(key(1)));
  for (int i = 0; i < 4; ++i) rows.add(1, key(i));
  rows.add(1, whole_table);
  for (int i = 0; i < 4; ++i) rows.add(2, key(i));
  const auto taken = rows.take();
  EXPECT_EQ(taken.at(1), whole_table);
  EXPECT_EQ(taken.at(2).keys.size(), 4U);
}

TEST(MissingRows, LongTextsCountWithTheirBytes) {
  EXPECT_GT(memory_of({std::string(100'000, 'x')}), 100'000U);
  missing_gatherer rows(1000);
  rows.add(1, strings{std::string(2000, 'x')});
  EXPECT_EQ(rows.take().at(1), whole_table);
}

TEST(MissingRows, AQueueGivesKeysInTheirOrderAndCountsWhatIsLeft) {
  missing_queue queue;
  queue.add({.keys = {{"a"}, {"b"}, {"c"}}});
  EXPECT_THAT(queue.front(2), ElementsAre(ElementsAre("a"), ElementsAre("b")));
  queue.pop(2);
  EXPECT_EQ(queue.bytes(), memory_of({"c"}));
  queue.pop(2);
  EXPECT_FALSE(queue.has_keys());
  EXPECT_EQ(queue.bytes(), 0U);
}

TEST(MissingRows, AQueueThatWasGivenUpTakesNoKeys) {
  missing_queue queue;
  queue.push({"a"});
  queue.give_up();
  queue.push({"b"});
  EXPECT_EQ(queue.rows(), whole_table);
  EXPECT_EQ(queue.bytes(), 0U);
}

} // namespace
} // namespace leat
