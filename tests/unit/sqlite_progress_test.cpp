#include "plugins/sqlite/sink.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "dataflow/error.hpp"
#include "tests/support/batch_builder.hpp"
#include "tests/support/sqlite_fixture.hpp"

namespace leat::sqlite {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

using SqliteProgress = test::sqlite_fixture;

TEST_F(SqliteProgress, AFreshFileHasNoProgress) { EXPECT_EQ(reopen(), std::nullopt); }

TEST_F(SqliteProgress, ReadsBackWhatItCommitted) {
  attach_items();
  target_progress p;
  p.pipeline_id = "abc";
  p.epoch = 12;
  p.position = commit_lsn{0x16B374D848};
  p.consistent = true;
  p.last_chunk = {{"items", (2ULL << 32) | 7}};
  target().commit(p);
  const auto found = reopen();
  ASSERT_TRUE(found);
  EXPECT_EQ(found->pipeline_id, "abc");
  EXPECT_EQ(found->epoch, 12U);
  EXPECT_EQ(found->position, p.position);
  EXPECT_TRUE(found->consistent);
  EXPECT_EQ(found->last_chunk, p.last_chunk);
  EXPECT_THAT(query("SELECT pipeline, target, commit_lsn, consistent FROM leat_progress"),
              ElementsAre(ElementsAre("shop", "*", "16/B374D848", "1")));
  EXPECT_THAT(query("SELECT committed_at FROM leat_progress")[0][0].value(),
              testing::MatchesRegex("20..-..-..T..:..:..\\.......Z"));
}

TEST_F(SqliteProgress, PipelinesInOneFileKeepProgressOfTheirOwn) {
  commit(5);
  EXPECT_EQ(reopen("another"), std::nullopt);
  commit(9);
  EXPECT_EQ(reopen("shop")->epoch, 5U);
}

TEST_F(SqliteProgress, TheFenceStopsASecondLeat) {
  attach_items();
  commit(1);
  sink other("shop", options());
  other.open();
  auto& late = other.attach(test::share(test::route_of(test::items())));
  write(changes().insert({1, "a", "x"}));
  commit(2);
  const auto b = changes().insert({2, "b", "y"}).build();
  late.write(b, all_changes(*b));
  other.prepare();
  EXPECT_THAT(error_of([&] { other.commit(progress(2)); }), HasSubstr("another leat has written"));
}

TEST_F(SqliteProgress, TheFenceSeesThatTheFileWasReplaced) {
  commit(1);
  execute("DELETE FROM leat_progress");
  EXPECT_THAT(error_of([&] { commit(2); }), HasSubstr("found no record"));
}

TEST_F(SqliteProgress, ForgetRemovesProgressAndKeepsData) {
  attach_items();
  write_first_row();
  target().forget();
  EXPECT_THAT(query("SELECT name FROM sqlite_schema WHERE name LIKE 'leat%'"), IsEmpty());
  EXPECT_THAT(query("SELECT * FROM items"), SizeIs(1));
}

TEST_F(SqliteProgress, ForgetLeavesOtherPipelinesAlone) {
  commit(1);
  reopen("another");
  commit(3);
  target().forget();
  EXPECT_EQ(reopen("shop")->epoch, 1U);
}

} // namespace
} // namespace leat::sqlite
