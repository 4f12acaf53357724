#include "dataflow/admission.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "tests/support/batch_builder.hpp"

namespace leat {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::Key;

source_table made(oid id) { return {test::table("public.t" + std::to_string(id)).id(id).build()}; }

struct jury {
  std::set<oid> disliked;
  std::vector<std::set<oid>> exclusive = {};
  int asked = 0;

  admission judge(oid count) {
    std::vector<source_table> candidates;
    for (oid id = 1; id <= count; ++id) candidates.push_back(made(id));
    return admit(candidates, [this](const auto& tables) { return objection_to(tables); });
  }

 private:
  std::optional<error> objection_to(const std::vector<source_table>& tables) {
    ++asked;
    std::set<oid> ids;
    for (const auto& t : tables) ids.insert(t.schema->id);
    for (const auto id : ids)
      if (disliked.contains(id))
        return error(error_kind::usage, "table " + std::to_string(id), "", "");
    for (const auto& pair : exclusive)
      if (std::includes(ids.begin(), ids.end(), pair.begin(), pair.end()))
        return error(error_kind::usage, "a clash", "", "");
    return std::nullopt;
  }
};

std::vector<oid> ids_of(const std::vector<source_table>& tables) {
  std::vector<oid> out;
  for (const auto& t : tables) out.push_back(t.schema->id);
  return out;
}

TEST(Admission, AsksOnceWhereNothingSpeaksAgainstAnyTable) {
  jury j;
  EXPECT_THAT(ids_of(j.judge(1000).taken).size(), 1000U);
  EXPECT_EQ(j.asked, 1);
  EXPECT_THAT(j.judge(0).taken, IsEmpty());
}

TEST(Admission, RefusesThoseAloneThatAreObjectedToWithTheReasonOfEach) {
  jury j{{2, 5}};
  const auto a = j.judge(6);
  EXPECT_THAT(ids_of(a.taken), ElementsAre(1, 3, 4, 6));
  ASSERT_THAT(a.refused, ElementsAre(Key(2), Key(5)));
  EXPECT_STREQ(a.refused.at(5).what(), "table 5");
  jury few{{700}};
  EXPECT_EQ(few.judge(1000).taken.size(), 999U);
  EXPECT_LE(few.asked, 25) << "a question is a plan of all tables";
}

TEST(Admission, TakesTheEarlierOfTwoThatExcludeEachOther) {
  jury j{{}, {{1, 4}}};
  const auto a = j.judge(5);
  EXPECT_THAT(ids_of(a.taken), ElementsAre(1, 2, 3, 5));
  EXPECT_STREQ(a.refused.at(4).what(), "a clash");
}

} // namespace
} // namespace leat
