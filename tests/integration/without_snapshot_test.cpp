#include "tests/support/pipeline_fixture.hpp"

namespace leat::test {
namespace {

/// source.snapshot.mode = "never": rows that were there before the stream are left alone, and what
/// the stream leaves out of its own is read.
class WithoutSnapshot : public pipeline_fixture {
 protected:
  WithoutSnapshot() {
    text.snapshot = "mode = \"never\"";
    source("CREATE TABLE doc (id int PRIMARY KEY, n int, body text);"
           "ALTER TABLE doc ALTER body SET STORAGE EXTERNAL;"
           "INSERT INTO doc SELECT i, 0, repeat('o', 3000) FROM generate_series(1, 100) i");
  }

  void begin() {
    start();
    wait_until_caught_up();
  }

  void expect_docs(const text_rows& wanted) const {
    const auto* docs = "SELECT id, n, length(body) FROM doc";
    EXPECT_EQ(lite(docs), wanted) << log();
    EXPECT_EQ(pg(docs), wanted) << log();
  }
};

TEST_F(WithoutSnapshot, ARowStaysWhoseConditionIsOverAValueThatDidNotCome) {
  for (auto& r : text.routes) r += "\nwhere = \"body LIKE 'x%'\"";
  begin();
  source("INSERT INTO doc VALUES (200, 1, repeat('x', 3000)), (201, 1, repeat('y', 3000))");
  wait_until_caught_up();
  expect_docs({{"200", "1", "3000"}});
  source("UPDATE doc SET n = 2 WHERE id >= 200");
  wait_until_caught_up();
  expect_docs({{"200", "2", "3000"}});
  stop();
}

TEST_F(WithoutSnapshot, ARowThatTheTargetLacksComesWholeWhenItIsChanged) {
  begin();
  source("UPDATE doc SET n = 5 WHERE id = 7; UPDATE doc SET id = 300 WHERE id = 8;"
         "DELETE FROM doc WHERE id = 9");
  wait_until_caught_up();
  expect_docs({{"300", "0", "3000"}, {"7", "5", "3000"}});
  kill();
  source("UPDATE doc SET n = 6 WHERE id = 10");
  catch_up();
  expect_docs({{"10", "6", "3000"}, {"300", "0", "3000"}, {"7", "5", "3000"}});
}

TEST_F(WithoutSnapshot, AnUpdateThatACrashInterruptsIsCompletedByTheNextRun) {
  catch_up();
  source("UPDATE doc SET n = 5 WHERE id = 7");
  start({{"LEAT_CRASH_POINT", "target_commit_after:2"}});
  wait_until_ended();
  catch_up();
  expect_docs({{"7", "5", "3000"}});
}

TEST_F(WithoutSnapshot, ValuesThatDdlGaveToRowsAreRead) {
  begin();
  source("INSERT INTO doc VALUES (200, 1, 'x')");
  wait_until_caught_up();
  source("ALTER TABLE doc ADD COLUMN state text NOT NULL DEFAULT 'good';"
         "INSERT INTO doc VALUES (201, 1, 'x', 'new')");
  wait_until_caught_up();
  expect_same("doc");
  stop();
}

TEST_F(WithoutSnapshot, ARouteThatComesLaterIsNotFilledUntilSnapshotsAreAskedFor) {
  catch_up();
  source("INSERT INTO doc VALUES (200, 1, 'x')");
  text.routes.push_back("from = \"public.doc\"\nto = \"second\"\nsink = \"lite\"");
  for (int runs = 0; runs < 2; ++runs) catch_up();
  EXPECT_EQ(lite("SELECT id FROM second"), (text_rows{{"200"}}));
  expect_docs({{"200", "1", "1"}});
  text.snapshot = "mode = \"initial\"";
  catch_up();
  expect_same("doc");
  expect_same_at_lite("doc", "second");
  text.snapshot = "mode = \"never\"";
  catch_up();
  source("UPDATE doc SET n = 9 WHERE id < 20");
  catch_up();
  expect_same("doc");
}

} // namespace
} // namespace leat::test
