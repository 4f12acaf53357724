#include <signal.h>

#include <gmock/gmock.h>

#include "tests/support/pipeline_fixture.hpp"
#include "tests/support/sqlite_reader.hpp"

namespace leat::test {

namespace {

/// Tables with and without a key and a target of mode append, at both sinks, consistent. Rows at
/// the targets that the source does not have show what a resnapshot removes.
class Resnapshot : public pipeline_fixture {
 protected:
  Resnapshot() {
    source("CREATE TABLE item (id int PRIMARY KEY, name text);"
           "INSERT INTO item SELECT i, 'item ' || i FROM generate_series(1, 100) i;"
           "CREATE TABLE log (a int, b text); ALTER TABLE log REPLICA IDENTITY FULL;"
           "INSERT INTO log SELECT i % 10, 'x' FROM generate_series(1, 100) i");
    for (const auto* sink : {"lite", "pg"})
      text.routes.push_back(
          "from = \"public.item\"\nmode = \"append\"\nto = \"item_log\"\nsink = \""
          + std::string(sink) + "\"");
    text.snapshot = "chunk_rows = 10";
    catch_up();
  }

  /// As if changes had been lost: the targets hold rows that the source has not, and lack others.
  void spoil_targets() {
    const auto sql = "DELETE FROM item WHERE id < 20; UPDATE item SET name = 'wrong' WHERE id < 30;"
                     "INSERT INTO item VALUES (1000, 'ghost'), (1001, 'ghost');"
                     "DELETE FROM log WHERE a = 3; INSERT INTO log VALUES (77, 'ghost')";
    server().execute(sql, target_database);
    execute_lite(sql);
  }

  void execute_lite(const std::string& sql) const {
    const auto done = run({"sqlite3", lite_path(), sql});
    ASSERT_EQ(done.status.code, 0) << done.err;
  }

  void ask(const std::string& table) {
    const auto asked = leat("resnapshot", {table});
    EXPECT_EQ(asked.status.code, 0) << asked.err;
  }

  void expect_all_same() {
    expect_same("item");
    expect_same("log");
  }
};

/// Made empty, they would be taken for whole.
TEST_F(Resnapshot, AloneMakesTablesAnewThatWereDroppedAtATarget) {
  const auto* drop = "DROP TABLE item; DROP TABLE log; DROP TABLE item_log";
  server().execute(drop, target_database);
  execute_lite(drop);
  source("UPDATE item SET name = 'new' WHERE id = 1; INSERT INTO log VALUES (1, 'y')");
  for (int runs = 0; runs < 2; ++runs) {
    const auto refused = leat("run", {"--until", "caught-up"});
    EXPECT_EQ(refused.status.code, 4);
    EXPECT_THAT(refused.err, testing::HasSubstr("the target table was dropped"));
    EXPECT_THAT(refused.err, testing::HasSubstr("run `leat resnapshot public."));
  }
  ask("public.item");
  ask("public.log");
  catch_up();
  expect_all_same();
  EXPECT_EQ(lite("SELECT count(DISTINCT id) FROM item_log"), (text_rows{{"100"}}));
  EXPECT_EQ(pg("SELECT count(DISTINCT id) FROM item_log"), (text_rows{{"100"}}));
}

TEST_F(Resnapshot, MakesTargetsEqualAndRemovesWhatNoRowBrought) {
  spoil_targets();
  start();
  wait_until_caught_up();
  ask("public.item");
  ask("public.log");
  wait_until_caught_up();
  expect_all_same();
  stop();
}

TEST_F(Resnapshot, UnderChangesKeepsWhatTheStreamBrings) {
  spoil_targets();
  start();
  wait_until_caught_up();
  ask("public.item");
  ask("public.log");
  for (int i = 0; i < 20; ++i)
    source("INSERT INTO item VALUES (" + std::to_string(2000 + i)
           + ", 'new');"
             "DELETE FROM item WHERE id = "
           + std::to_string(40 + i)
           + ";"
             "UPDATE item SET id = id + 5000 WHERE id = "
           + std::to_string(70 + i)
           + ";"
             "DELETE FROM log WHERE ctid = (SELECT min(ctid) FROM log);"
             "INSERT INTO log VALUES (1, 'during'), (1, 'during')");
  wait_until_caught_up();
  expect_all_same();
  stop();
}

TEST_F(Resnapshot, KeepsOldRowsReadableUntilItsEnd) {
  start();
  wait_until_caught_up();
  // A transaction that runs keeps the fence of the new snapshot from passing.
  auto holder = server().session(source_database);
  holder.execute("BEGIN; SELECT pg_current_xact_id()");
  ask("public.item");
  ask("public.log");
  source("INSERT INTO item VALUES (500, 'new')");
  wait_until("the change does not come",
             [&] { return lite("SELECT 1 FROM item WHERE id = 500").size() == 1; });
  EXPECT_EQ(lite("SELECT count(*) FROM item")[0][0], "101");
  EXPECT_EQ(pg("SELECT count(*) FROM log")[0][0], "100");
  EXPECT_EQ(lite("SELECT count(*) FROM log")[0][0], "100");
  EXPECT_EQ(lite("SELECT consistent FROM leat_progress")[0][0], "0");
  holder.execute("COMMIT");
  wait_until_caught_up();
  expect_all_same();
  EXPECT_EQ(lite("SELECT consistent FROM leat_progress")[0][0], "1");
  stop();
}

TEST_F(Resnapshot, OfATableThatWasDroppedLeavesItsRowsAtTheTargets) {
  start();
  wait_until_caught_up();
  for (const auto* table : {"item", "log"}) {
    source("DROP TABLE " + std::string(table) + "; CREATE TABLE " + table
           + " (id int PRIMARY KEY)");
    ask("public." + std::string(table));
    wait_until("nothing says that it is gone", [&] {
      return log().find("public." + std::string(table) + ": is gone at the source")
             != std::string::npos;
    });
  }
  wait_until_caught_up();
  for (const auto* table : {"item", "log"}) {
    EXPECT_EQ(lite("SELECT count(*) FROM " + std::string(table))[0][0], "100");
    EXPECT_EQ(pg("SELECT count(*) FROM " + std::string(table))[0][0], "100");
  }
  stop();
}

TEST_F(Resnapshot, OfATableWithoutAKeyThatIsDroppedLeavesWhatItHeldWhenTheReadingBegan) {
  start();
  wait_until_caught_up();
  auto holder = server().session(source_database);
  holder.execute("BEGIN; SELECT pg_current_xact_id()");
  ask("public.log");
  wait_until("the reading does not begin",
             [&] { return lite("SELECT consistent FROM leat_progress")[0][0] == "0"; });
  source("UPDATE log SET b = 'late' WHERE a = 7; INSERT INTO log VALUES (900, 'late');"
         "DROP TABLE log");
  holder.execute("COMMIT");
  wait_until("nothing says that it is gone",
             [&] { return log().find("public.log: is gone at the source") != std::string::npos; });
  wait_until_caught_up();
  const std::string rows = "SELECT count(*), sum(a), min(b), max(b) FROM log";
  EXPECT_EQ(lite(rows), (text_rows{{"100", "450", "x", "x"}}));
  EXPECT_EQ(pg(rows), (text_rows{{"100", "450", "x", "x"}}));
  EXPECT_EQ(lite("SELECT consistent FROM leat_progress")[0][0], "1");
  stop();
}

class ResnapshotKilled : public Resnapshot, public ::testing::WithParamInterface<std::string> {};

TEST_P(ResnapshotKilled, GoesOnAfterTheKill) {
  text.snapshot = "chunk_rows = 2";
  text.interval = "20ms";
  spoil_targets();
  ask("public.item");
  ask("public.log");
  start({{"LEAT_CRASH_POINT", GetParam()}});
  EXPECT_EQ(wait_until_ended().status.signal, SIGKILL) << log();
  source("DELETE FROM item WHERE id BETWEEN 50 AND 60; INSERT INTO item VALUES (300, 'late');"
         "DELETE FROM log WHERE a = 5");
  catch_up();
  expect_all_same();
}

INSTANTIATE_TEST_SUITE_P(, ResnapshotKilled,
                         ::testing::Values("chunk_before:2", "barrier_before:3",
                                           "slot_confirm_before:2", "chunk_emitted:1",
                                           "chunk_emitted:20", "chunk_emitted:45",
                                           "target_commit_before:1", "target_commit_before:2",
                                           "target_commit_after:1", "target_commit_after:2",
                                           "checkpoint_before:2", "checkpoint_before:4",
                                           "checkpoint_after:3"),
                         [](const auto& tested) {
                           auto name = tested.param;
                           for (auto& c : name)
                             if (c == ':') c = '_';
                           return name;
                         });

TEST_F(Resnapshot, AskedOfARunningPipelineSurvivesAKillBeforeItsFirstCheckpoint) {
  spoil_targets();
  start();
  wait_until_caught_up();
  // No epoch is complete while one target cannot commit.
  auto holder = server().session(target_database);
  holder.execute("BEGIN; LOCK TABLE item, log IN ACCESS EXCLUSIVE MODE");
  source("UPDATE item SET name = 'held' WHERE id = 90");
  wait_until("the target is not waited for",
             [&] { return status().find("\"waits_for\":\"target\"") != std::string::npos; });
  ask("public.item");
  ask("public.log");
  kill();
  holder.execute("COMMIT");
  catch_up();
  expect_all_same();
}

TEST_F(Resnapshot, AskedBetweenTwoTriesSurvivesAKill) {
  spoil_targets();
  start();
  wait_until_caught_up();
  server().execute("ALTER DATABASE target ALLOW_CONNECTIONS false");
  server().execute(
      "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'target'");
  source("INSERT INTO item VALUES (600, 'new')");
  wait_until("it does not notice",
             [&] { return status().find("\"state\":\"restarting\"") != std::string::npos; });
  ask("public.item");
  ask("public.log");
  kill();
  server().execute("ALTER DATABASE target ALLOW_CONNECTIONS true");
  catch_up();
  expect_all_same();
}

TEST_F(Resnapshot, AskedTwiceOfAStoppedPipelineIsDoneOnce) {
  const std::string rows = "SELECT count(*) FROM item_log WHERE _leat_op = 'r'";
  ask("public.item");
  ask("public.item");
  catch_up();
  EXPECT_EQ(lite(rows)[0][0], "200");
  catch_up();
  EXPECT_EQ(lite(rows)[0][0], "200") << "the request is let go";
}

TEST_F(Resnapshot, AskedOfARunningPipelineIsLetGoOnceItIsDone) {
  const std::string rows = "SELECT count(*) FROM item_log WHERE _leat_op = 'r'";
  start();
  wait_until_caught_up();
  ask("public.item");
  wait_until_caught_up();
  EXPECT_EQ(lite(rows)[0][0], "200");
  stop();
  catch_up();
  EXPECT_EQ(lite(rows)[0][0], "200");
}

TEST_F(Resnapshot, AppendsTheRowsOnceMoreForEachGeneration) {
  const std::string rows = "SELECT count(*) FROM item_log WHERE _leat_op = 'r'";
  EXPECT_EQ(lite(rows)[0][0], "100");
  source("INSERT INTO item VALUES (500, 'new')");
  ask("public.item");
  catch_up();
  EXPECT_EQ(lite(rows)[0][0], "201");
  EXPECT_EQ(pg(rows)[0][0], "201");
  EXPECT_EQ(lite("SELECT count(*) FROM item_log WHERE _leat_op = 'i'")[0][0], "1");
  catch_up();
  EXPECT_EQ(lite(rows)[0][0], "201");
}

TEST_F(Resnapshot, OfATableThatIsEmptyNow) {
  source("CREATE TABLE extra (id int PRIMARY KEY); INSERT INTO extra VALUES (1), (2)");
  catch_up();
  execute_lite("INSERT INTO extra VALUES (9)");
  source("TRUNCATE extra");
  ask("public.extra");
  catch_up();
  EXPECT_EQ(lite("SELECT * FROM extra"), text_rows{});
}

TEST_F(Resnapshot, NeedsATableOfThePipeline) {
  const auto stopped = leat("resnapshot", {"public.nothing"});
  EXPECT_EQ(stopped.status.code, 2);
  start();
  const auto running = leat("resnapshot", {"public.nothing"});
  EXPECT_EQ(running.status.code, 2);
  EXPECT_NE(running.err.find("public.nothing"), std::string::npos) << running.err;
  stop();
}

} // namespace

} // namespace leat::test
