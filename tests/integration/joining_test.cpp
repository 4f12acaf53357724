#include <gmock/gmock.h>

#include <csignal>
#include <nlohmann/json.hpp>
#include <thread>

#include "tests/support/pipeline_fixture.hpp"

namespace leat::test {

namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

/// Tables that are made while a pipeline runs. `item` is there from the beginning.
class Joining : public pipeline_fixture {
 protected:
  Joining() {
    source("CREATE TABLE item (id int PRIMARY KEY, name text);"
           "INSERT INTO item SELECT i, 'item ' || i FROM generate_series(1, 200) i");
    text.tables = R"(["public.*", "!public.hidden"])";
    text.interval = "20ms";
  }

  void begin(const std::map<std::string, std::string>& environment = {}) {
    start(environment);
    wait_until_caught_up();
  }

  nlohmann::json table(const std::string& name) const {
    const auto now = nlohmann::json::parse(status(), nullptr, false);
    if (now.is_discarded()) return nullptr;
    for (const auto& t : now.at("tables"))
      if (t.at("table") == name && !t.contains("at_source")) return t;
    return nullptr;
  }
  std::string new_table(const std::string& name) const {
    const auto now = nlohmann::json::parse(status(), nullptr, false);
    if (!now.is_discarded() && now.contains("new_tables"))
      for (const auto& t : now.at("new_tables"))
        if (t.at("table") == name) return t.at("is");
    return "";
  }

  void wait_until_joined(const std::string& name) {
    wait_until(name + " does not join", [&] {
      nudge();
      return !table(name).is_null();
    });
    wait_until_caught_up();
  }
  void wait_until_left_out(const std::string& name) {
    wait_until(name + " is not left out", [&] { return new_table(name) == "left out"; });
  }

  std::size_t beginnings() const {
    const auto said = log();
    std::size_t count = 0;
    for (auto at = said.find("running: slot"); at != std::string::npos;
         at = said.find("running: slot", at + 1))
      ++count;
    return count;
  }

  int generation(const std::string& name) const { return table(name).at("generation"); }
};

TEST_F(Joining, ATableComesWithTheRowsFromBeforeDuringAndAfter) {
  begin();
  std::jthread writer([&](const std::stop_token& stop) {
    for (int i = 1000; !stop.stop_requested(); ++i)
      source("UPDATE item SET name = 'at " + std::to_string(i)
             + "' WHERE id = " + std::to_string(i % 200 + 1));
  });
  source("CREATE TABLE fresh (id int PRIMARY KEY, name text);"
         "INSERT INTO fresh SELECT i, 'before' FROM generate_series(1, 120) i");
  std::jthread filler([&](const std::stop_token& stop) {
    for (int i = 1000; !stop.stop_requested(); ++i)
      source("INSERT INTO fresh VALUES (" + std::to_string(i)
             + ", 'during'); UPDATE fresh SET name = 'changed' WHERE id = "
             + std::to_string(i % 120) + "; DELETE FROM fresh WHERE id = " + std::to_string(i - 3)
             + "; SELECT pg_sleep(0.01)");
  });
  wait_until("fresh does not join", [&] { return !table("public.fresh").is_null(); });
  filler = {};
  writer = {};
  source("INSERT INTO fresh VALUES (900, 'after')");
  wait_until_caught_up();
  expect_same("fresh");
  expect_same("item");
  EXPECT_EQ(generation("public.item"), 1) << "a table that was there is not read again";
  EXPECT_EQ(beginnings(), 2U);
  EXPECT_THAT(log(), HasSubstr("public.fresh joins: the open epoch is finished first"));
  EXPECT_EQ(new_table("public.fresh"), "");
  stop();
  catch_up();
  expect_same("fresh");
}

TEST_F(Joining, ManyTablesThatAreMadeOneAfterAnotherJoinTogether) {
  begin();
  for (int i = 0; i < 12; ++i) {
    const auto name = "t" + std::to_string(i);
    source("CREATE TABLE " + name + " (id int PRIMARY KEY, v text); INSERT INTO " + name
           + " VALUES (1, '" + name + "')");
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
  wait_until_joined("public.t11");
  for (int i = 0; i < 12; ++i) expect_same("t" + std::to_string(i));
  EXPECT_LE(beginnings(), 3U) << log();
  stop();
}

TEST_F(Joining, OneThatAPlanDoesNotTakeIsNamedAndTheOthersJoin) {
  begin();
  source("CREATE TABLE log (line text);"               // no key
         "CREATE TABLE \"ITEM\" (id int PRIMARY KEY);" // one table with item at SQLite
         "CREATE TABLE hidden (id int PRIMARY KEY);"
         "CREATE TABLE \"We\"\"ird Таблица\" (\"Ключ\" int PRIMARY KEY);"
         "INSERT INTO \"We\"\"ird Таблица\" VALUES (1); INSERT INTO log VALUES ('x')");
  wait_until_joined(R"(public.We"ird Таблица)");
  expect_same(R"(We"ird Таблица)");
  EXPECT_EQ(beginnings(), 2U);
  wait_until_left_out("public.log");
  wait_until_left_out("public.ITEM");
  const auto told = leat("status").out;
  EXPECT_THAT(told, AllOf(HasSubstr("public.log: new at the source, and left out: "),
                          HasSubstr("ALTER TABLE \"public\".\"log\" REPLICA IDENTITY FULL;"),
                          HasSubstr("public.ITEM: new at the source, and left out: "),
                          Not(HasSubstr("hidden"))));
  EXPECT_THAT(log(), HasSubstr("public.log: new at the source, and left out: "));
  // It is written as before, and what failed does not come again and again.
  source("UPDATE log SET line = 'y'; INSERT INTO item VALUES (900, 'goes on')");
  wait_until_caught_up();
  expect_same("item");
  EXPECT_EQ(beginnings(), 2U);

  source("ALTER TABLE log REPLICA IDENTITY FULL");
  wait_until_joined("public.log");
  expect_same("log");
  stop();
}

TEST_F(Joining, OneThatIsLeftOutEndsNoPipelineThatBeginsAgain) {
  begin();
  source("CREATE TABLE log (line text)");
  wait_until_left_out("public.log");
  server().execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '"
                   + std::string(target_database) + "'");
  source("INSERT INTO item VALUES (900, 'goes on')");
  wait_until_caught_up();
  expect_same("item");
  EXPECT_EQ(beginnings(), 2U);
  wait_until_left_out("public.log");
  stop();
  EXPECT_EQ(leat("run", {"--until", "caught-up"}).status.code, 2) << "somebody is there to see it";
}

TEST_F(Joining, APublicationOfSomebodyElseDecidesWhenATableComes) {
  source("CREATE PUBLICATION theirs FOR TABLE item; DROP ROLE IF EXISTS joining_reader;"
         "CREATE ROLE joining_reader LOGIN REPLICATION; GRANT SELECT ON ALL TABLES IN SCHEMA "
         "public TO "
         "joining_reader");
  text.source = "options = \"-c role=joining_reader\"\npublication = \"theirs\"";
  begin();
  source("CREATE TABLE fresh (id int PRIMARY KEY); INSERT INTO fresh VALUES (1)");
  wait_until_left_out("public.fresh");
  EXPECT_THAT(leat("status").out,
              HasSubstr("remedy: ALTER PUBLICATION \"theirs\" ADD TABLE \"public\".\"fresh\";"));
  source("ALTER PUBLICATION theirs ADD TABLE fresh; INSERT INTO fresh VALUES (2)");
  wait_until("the missing right is not told", [&] {
    return leat("status").out.find(
               "remedy: GRANT SELECT ON \"public\".\"fresh\" TO \"joining_reader\";")
           != std::string::npos;
  });
  EXPECT_EQ(beginnings(), 1U);
  source("GRANT SELECT ON fresh TO joining_reader; INSERT INTO fresh VALUES (3)");
  wait_until_joined("public.fresh");
  expect_same("fresh");
  stop();
  source("DROP OWNED BY joining_reader");
}

TEST_F(Joining, ATableThatIsMadeAgainReplacesTheOldOne) {
  begin();
  source("DROP TABLE item; CREATE TABLE item (id int PRIMARY KEY, name text);"
         "INSERT INTO item VALUES (3, 'new')");
  wait_until_joined("public.item");
  wait_until("the old rows stay", [&] {
    return lite("SELECT id FROM item") == text_rows{{"3"}}
           && pg("SELECT id FROM item") == text_rows{{"3"}};
  });
  source("INSERT INTO item VALUES (4, 'later')");
  wait_until_caught_up();
  expect_same("item");
  stop();
}

TEST_F(Joining, OneThatIsMadeAgainWithOtherColumnsIsLeftOut) {
  source("CREATE TABLE other (id int PRIMARY KEY)");
  begin();
  source("DROP TABLE item; CREATE TABLE item (id int PRIMARY KEY, weight int);"
         "INSERT INTO other VALUES (1)");
  wait_until_left_out("public.item");
  EXPECT_THAT(log(), HasSubstr("would now give other rows: columns"));
  const auto asked = leat("resnapshot", {"public.\"item\""});
  EXPECT_EQ(asked.status.code, 5);
  EXPECT_THAT(asked.err,
              AllOf(HasSubstr("public.item is left out"), HasSubstr("stop the pipeline")));
  wait_until_caught_up();
  expect_same("other");
  EXPECT_EQ(beginnings(), 1U);
  EXPECT_EQ(lite("SELECT count(*) FROM item")[0][0], "200");
  stop();
}

TEST_F(Joining, OtherTablesKeepWhatTheyHaveWhateverBecameOfThemAtTheSource) {
  source("CREATE TABLE gone (id int PRIMARY KEY); INSERT INTO gone VALUES (1)");
  text.tables = R"(["public.item", "public.gone", "public.f*"])"; // by name: a new run wants them
  begin();
  source("ALTER TABLE item RENAME TO goods; UPDATE goods SET name = 'x' WHERE id = 2;"
         "DROP TABLE gone; CREATE TABLE fresh (id int PRIMARY KEY); INSERT INTO fresh VALUES (1)");
  wait_until_joined("public.fresh");
  source("UPDATE goods SET name = 'y' WHERE id = 3; INSERT INTO fresh VALUES (2)");
  wait_until_caught_up();
  EXPECT_EQ(lite("SELECT name FROM item WHERE id IN (2, 3)"), (text_rows{{"x"}, {"y"}}));
  EXPECT_EQ(pg("SELECT name FROM item WHERE id IN (2, 3)"), (text_rows{{"x"}, {"y"}}));
  EXPECT_EQ(lite("SELECT count(*) FROM gone")[0][0], "1");
  EXPECT_THAT(leat("status").out, HasSubstr("dropped at the source: its rows stay"));
  expect_same("fresh");
  stop();
}

TEST_F(Joining, ATargetThatRefusesTheTableIsFoundOutBeforeAndWhatFailsAllTheSameIsLeftOut) {
  begin();
  server().execute("CREATE TABLE taken (id int PRIMARY KEY); INSERT INTO taken VALUES (7);"
                   "CREATE FUNCTION refuse() RETURNS event_trigger LANGUAGE plpgsql AS"
                   " $$ BEGIN RAISE 'no more tables'; END $$;"
                   "CREATE EVENT TRIGGER refuse ON ddl_command_start WHEN TAG IN ('CREATE TABLE')"
                   " EXECUTE FUNCTION refuse()",
                   target_database);
  source("CREATE TABLE taken (id int PRIMARY KEY)");
  wait_until_left_out("public.taken");
  EXPECT_THAT(log(), HasSubstr("holds rows that this pipeline has not written"));
  EXPECT_EQ(beginnings(), 1U);

  source("CREATE TABLE fresh (id int PRIMARY KEY)");
  wait_until_left_out("public.fresh");
  EXPECT_THAT(log(), HasSubstr("public.fresh cannot join: "));
  EXPECT_THAT(leat("status").out, HasSubstr("no more tables"));
  source("INSERT INTO item VALUES (900, 'goes on'); INSERT INTO fresh VALUES (1)");
  wait_until_caught_up();
  expect_same("item");
  const auto begun = beginnings();
  EXPECT_EQ(begun, 2U) << "once more without it";
  stop();
  server().execute("DROP EVENT TRIGGER refuse; DROP TABLE taken", target_database);
  catch_up();
  expect_same("fresh");
}

TEST_F(Joining, ALockOnTheNewTableHoldsNothingUp) {
  begin();
  source("CREATE TABLE fresh (id int PRIMARY KEY, v text); INSERT INTO fresh VALUES (1, 'a')");
  auto other = server().session(source_database);
  other.execute("BEGIN; LOCK TABLE fresh IN SHARE MODE"); // as CREATE INDEX takes it, for hours
  wait_until("nothing is told", [&] { return new_table("public.fresh") == "joins"; });
  for (int i = 0; i < 3; ++i) {
    source("UPDATE item SET name = 'still " + std::to_string(i) + "'");
    wait_until_caught_up();
    expect_same("item");
  }
  EXPECT_EQ(beginnings(), 1U);
  other.execute("COMMIT");
  wait_until_joined("public.fresh");
  expect_same("fresh");
  stop();
}

TEST_F(Joining, ARunWithAnEndKeepsTheTablesThatItBeganWith) {
  catch_up();
  source("CREATE TABLE more (id int PRIMARY KEY)");
  auto holds = server().session(source_database);
  holds.execute("BEGIN; INSERT INTO item VALUES (999, 'late')"); // keeps the snapshot waiting
  text.snapshot = "mode = \"only\"";
  start();
  source("CREATE TABLE fresh (id int PRIMARY KEY)");
  wait_until("status does not tell", [&] { return new_table("public.fresh") == "next run"; });
  holds.execute("COMMIT");
  EXPECT_EQ(wait_until_ended().status.code, 0);
  EXPECT_EQ(beginnings(), 1U);
  catch_up();
  expect_same("fresh");
}

TEST_F(Joining, ASignalWhileATableJoinsEndsCleanly) {
  begin();
  source("CREATE TABLE fresh (id int PRIMARY KEY); INSERT INTO fresh VALUES (1)");
  wait_until("fresh does not join",
             [&] { return log().find("joins: the open") != std::string::npos; });
  stop();
  catch_up();
  expect_same("fresh");
  expect_same("item");
}

TEST_F(Joining, ASinkThatIsStuckIsNotWaitedForLongerThanAStopWaits) {
  begin();
  auto locks = server().session(target_database);
  locks.execute("BEGIN; LOCK TABLE item IN ACCESS EXCLUSIVE MODE");
  source("UPDATE item SET name = 'stuck'; CREATE TABLE fresh (id int PRIMARY KEY)");
  wait_until("the epoch is not dropped",
             [&] { return log().find("the open epoch takes too long") != std::string::npos; });
  locks.execute("COMMIT");
  wait_until_joined("public.fresh");
  expect_same("item");
  stop();
}

TEST_F(Joining, ItWaitsUntilATableWithoutAKeyIsRead) {
  catch_up();
  source("CREATE TABLE log (line text); ALTER TABLE log REPLICA IDENTITY FULL;"
         "INSERT INTO log SELECT 'x' FROM generate_series(1, 50)");
  auto holds = server().session(source_database);
  holds.execute("BEGIN; INSERT INTO item VALUES (999, 'late')"); // keeps the snapshot waiting
  start();
  source("CREATE TABLE fresh (id int PRIMARY KEY)");
  wait_until("nothing is told", [&] {
    return leat("status").out.find("it waits until public.log, which has no key, is read")
           != std::string::npos;
  });
  holds.execute("COMMIT");
  wait_until_joined("public.fresh");
  expect_same("log");
  expect_same("fresh");
  EXPECT_EQ(generation("public.log"), 1);
  stop();
}

TEST_F(Joining, WithoutSnapshotsATableBringsWhatIsWrittenFromThenOn) {
  text.snapshot = "mode = \"never\"";
  begin();
  source("CREATE TABLE fresh (id int PRIMARY KEY); INSERT INTO fresh VALUES (1)");
  wait_until_joined("public.fresh");
  source("INSERT INTO fresh VALUES (2)");
  wait_until_caught_up();
  EXPECT_EQ(lite("SELECT id FROM fresh"), (text_rows{{"2"}}));
  stop();
}

class JoiningKilled : public Joining, public ::testing::WithParamInterface<const char*> {};

TEST_P(JoiningKilled, IsTakenUpByTheNextRun) {
  start({{"LEAT_CRASH_POINT", GetParam()}});
  source("CREATE TABLE fresh (id int PRIMARY KEY, v text);"
         "INSERT INTO fresh SELECT i, 'before' FROM generate_series(1, 80) i;"
         "UPDATE item SET name = 'changed' WHERE id < 20");
  EXPECT_TRUE(wait_until_ended().status.signal == SIGKILL) << log();
  source("UPDATE fresh SET v = 'away' WHERE id < 9; DELETE FROM item WHERE id = 4");
  begin();
  expect_same("fresh");
  expect_same("item");
  EXPECT_EQ(generation("public.item"), 1);
  stop();
}

INSTANTIATE_TEST_SUITE_P(At, JoiningKilled,
                         testing::Values("join_published:1", "join_asked:1", "start_prepared:2",
                                         "start_saved:2", "chunk_emitted:5"));

} // namespace

} // namespace leat::test
