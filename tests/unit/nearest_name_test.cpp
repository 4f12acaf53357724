#include "dataflow/nearest_name.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace leat {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

TEST(NearestName, CountsEditsWithASwapAsOne) {
  EXPECT_EQ(edit_distance("", "abc"), 3U);
  EXPECT_EQ(edit_distance("interval", "interval"), 0U);
  EXPECT_EQ(edit_distance("itnerval", "interval"), 1U);
  EXPECT_EQ(edit_distance("kitten", "sitting"), 3U);
}

TEST(NearestName, NamesTheNearestFirstAndNoneThatWouldMislead) {
  EXPECT_THAT(nearest_names("oders", {"items", "orders", "order"}, 3),
              ElementsAre("orders", "order"));
  EXPECT_THAT(nearest_names("public.itmes", {"public.orders", "public.items"}, 3),
              ElementsAre("public.items"));
  EXPECT_THAT(nearest_names("zzzz", {"interval"}), IsEmpty());
  EXPECT_THAT(nearest_names("a", {"b"}), IsEmpty());
}

TEST(NearestName, JoinsForASentence) {
  EXPECT_EQ(join_names({}), "");
  EXPECT_EQ(join_names({"a"}), "a");
  EXPECT_EQ(join_names({"a", "b", "c"}, "and"), "a, b and c");
}

} // namespace
} // namespace leat
