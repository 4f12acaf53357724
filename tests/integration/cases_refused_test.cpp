#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <gmock/gmock.h>
#include <thread>

#include "tests/support/pg_client.hpp"
#include "tests/support/pipeline_fixture.hpp"

namespace leat::test {

namespace {

using namespace std::chrono_literals;
using testing::AllOf;
using testing::HasSubstr;

/// Cases of docs/cases.md that end with an error, or that no event tells of.
class RefusedCase : public pipeline_fixture {
 protected:
  /// `leat run` ends at once and says this.
  template <class Matcher>
  void expect_refused(const Matcher& says, int code = 3) const {
    const auto run = leat("run");
    EXPECT_FALSE(run.timed_out);
    EXPECT_EQ(run.status.code, code);
    EXPECT_THAT(run.err, AllOf(HasSubstr("leat: error: "), HasSubstr("remedy: "), says));
  }
  void make_slot() const {
    source("SELECT pg_create_logical_replication_slot('leat_shop', 'pgoutput')");
  }
};

TEST_F(RefusedCase, ADeferrableKeyBeforeItBreaksTheApplication) {
  source(
      "CREATE TABLE item (id int PRIMARY KEY DEFERRABLE, n int); INSERT INTO item VALUES (1, 1)");
  const auto statement = HasSubstr(R"(ALTER TABLE "public"."item" REPLICA IDENTITY FULL)");
  expect_refused(AllOf(HasSubstr("public.item: it has neither a key"), statement), 2);
  for (auto& route : text.routes) route += "\nmode = \"append\"";
  expect_refused(AllOf(HasSubstr("deferrable primary key"), statement));
  source("UPDATE item SET n = 2");
}

TEST_F(RefusedCase, ATableThatSaysNothingOfItsOldRows) {
  source("CREATE TABLE item (id int PRIMARY KEY, n int); INSERT INTO item VALUES (1, 1);"
         "ALTER TABLE item REPLICA IDENTITY NOTHING; CREATE TABLE log (v text)");
  for (auto& route : text.routes) route += "\nmode = \"append\"";
  expect_refused(AllOf(HasSubstr(R"("item" has REPLICA IDENTITY NOTHING)"),
                       HasSubstr(R"(ALTER TABLE "public"."item" REPLICA IDENTITY DEFAULT)"),
                       HasSubstr(R"(ALTER TABLE "public"."log" REPLICA IDENTITY FULL)")));
  source("UPDATE item SET n = 2");
}

TEST_F(RefusedCase, ASlotThatWasMadeForTwoPhases) {
  if (server().version() < 150000) GTEST_SKIP() << "no such slots";
  source("CREATE TABLE item (id int PRIMARY KEY)");
  source("SELECT pg_create_logical_replication_slot('leat_shop', 'pgoutput', false, true)");
  expect_refused(HasSubstr("two_phase"));
}

TEST_F(RefusedCase, ASlotThatAnotherConsumerReads) {
  source("CREATE TABLE item (id int PRIMARY KEY); CREATE PUBLICATION leat_shop FOR TABLE item");
  make_slot();
  process other({pg_client("pg_recvlogical"), "-d", server().conninfo(source_database), "--slot",
                 "leat_shop", "--start", "-o", "proto_version=1", "-o",
                 "publication_names=leat_shop", "-f", "/dev/null"});
  wait_until("the other consumer does not come",
             [] { return server().value("SELECT active FROM pg_replication_slots") == "t"; });
  expect_refused(AllOf(HasSubstr("in use by process"), HasSubstr("pg_recvlogical")));
}

TEST_F(RefusedCase, ASlotWhoseWalIsGone) {
  source("CREATE TABLE item (id int PRIMARY KEY)");
  catch_up();
  server().set("max_slot_wal_keep_size", "16MB");
  for (int i = 0; i < 5; ++i) {
    source("INSERT INTO item VALUES (" + std::to_string(i) + ")");
    server().execute("SELECT pg_switch_wal()");
  }
  server().execute("CHECKPOINT");
  server().set("max_slot_wal_keep_size", "-1");
  ASSERT_EQ(server().value("SELECT wal_status FROM pg_replication_slots"), "lost");
  expect_refused(AllOf(HasSubstr("is lost"), HasSubstr("leat drop")));
}

TEST_F(RefusedCase, APublicationThatWasDroppedWhileLeatWasAway) {
  source("CREATE TABLE item (id int PRIMARY KEY)");
  catch_up();
  source("DROP PUBLICATION leat_shop");
  source("INSERT INTO item VALUES (1)");
  expect_refused(HasSubstr("publication \"leat_shop\" does not exist"));
}

TEST_F(RefusedCase, AStandby) {
  source("CREATE TABLE item (id int PRIMARY KEY)");
  server().stop();
  const auto signal = server().data() / "standby.signal";
  std::ofstream(signal) << "";
  server().start();
  // The fixture writes at the source while it waits.
  const auto refused = leat("plan").status.code == 0 ? leat("check") : finished_process{};
  server().stop();
  std::filesystem::remove(signal);
  server().start();
  EXPECT_EQ(refused.status.code, 1);
  EXPECT_THAT(refused.out + refused.err, HasSubstr("primary"));
}

/// PostgreSQL sends no event for these: what docs/cases.md says of them holds.
TEST_F(RefusedCase, PartitionsThatComeAndGoWithTheirRowsAreNotSeen) {
  source("CREATE TABLE item (id int PRIMARY KEY, v text) PARTITION BY RANGE (id);"
         "CREATE TABLE low PARTITION OF item FOR VALUES FROM (0) TO (100);"
         "CREATE TABLE high PARTITION OF item FOR VALUES FROM (100) TO (200);"
         "INSERT INTO item VALUES (1, 'low'), (2, 'low'), (101, 'high');"
         "CREATE SCHEMA apart; CREATE TABLE apart.full (id int PRIMARY KEY, v text);"
         "INSERT INTO apart.full VALUES (201, 'before it was attached')");
  start();
  wait_until_caught_up();
  source("ALTER TABLE item DETACH PARTITION high; TRUNCATE low;"
         "ALTER TABLE item ATTACH PARTITION apart.full FOR VALUES FROM (200) TO (300);"
         "INSERT INTO item VALUES (3, 'after'), (202, 'after')");
  wait_until_caught_up();
  const text_rows expected = {
      {"1", "low"}, {"101", "high"}, {"2", "low"}, {"202", "after"}, {"3", "after"}};
  EXPECT_EQ(lite("SELECT id, v FROM item"), expected);
  EXPECT_EQ(pg("SELECT id, v FROM item"), expected);
  stop();
}

/// Rows that a filter of the publication lets in or out, and columns that it leaves out.
TEST_F(RefusedCase, PartsOfATableAreDeliveredAsThePublicationHasThem) {
  if (server().version() < 150000) GTEST_SKIP() << "publications have whole tables only";
  source("CREATE TABLE item (id int PRIMARY KEY, v text, secret text,"
         " twice int GENERATED ALWAYS AS (id * 2) STORED);"
         "INSERT INTO item (id, v, secret) SELECT i, 'v' || i, 's' FROM generate_series(1, 100) i;"
         "CREATE PUBLICATION leat_shop FOR TABLE item (id, v) WHERE (id > 50)");
  start();
  source("UPDATE item SET id = id + 200 WHERE id < 10; UPDATE item SET id = -id WHERE id = 60;"
         "UPDATE item SET v = 'in' WHERE id = 70; UPDATE item SET v = 'out' WHERE id = 20;"
         "UPDATE item SET secret = 'x'; DELETE FROM item WHERE id = 80");
  wait_until_caught_up();
  const auto expected =
      source_rows("SELECT id, v FROM item WHERE id > 50 ORDER BY id::text COLLATE \"C\"");
  EXPECT_EQ(lite("SELECT * FROM item"), expected);
  EXPECT_EQ(pg("SELECT * FROM item"), expected);
  stop();
}

/// The server sends such an update as an insert that lacks the value.
TEST_F(RefusedCase, ARowThatEntersTheFilterWithALargeValueLeftAloneComesWhole) {
  if (server().version() < 150000) GTEST_SKIP() << "publications have whole tables only";
  source("CREATE TABLE item (region text COLLATE \"C\", id int, n int, body text,"
         " PRIMARY KEY (region, id)); ALTER TABLE item ALTER body SET STORAGE EXTERNAL;"
         "INSERT INTO item SELECT CASE WHEN i % 2 = 0 THEN 'EU' ELSE 'US' END, i, i,"
         " repeat(i || ' ', 3000) FROM generate_series(1, 40) i;"
         "CREATE PUBLICATION leat_shop FOR TABLE item WHERE (region = 'EU')");
  text.routes.clear();
  for (const std::string sink : {"lite", "pg"})
    for (const auto* each :
         {"", "to = 'soft'\ndelete = 'soft'", "to = 'part'\nwhere = 'length(body) > 0'",
          "to = 'log'\nmode = 'append'"})
      text.routes.push_back("from = 'public.item'\nsink = '" + sink + "'\n" + each);
  start();
  wait_until_caught_up();
  source("UPDATE item SET region = 'EU' WHERE id IN (1, 3);"
         "UPDATE item SET region = 'US' WHERE id = 20");
  wait_until_caught_up();
  source("UPDATE item SET body = repeat('later ', 3000) WHERE id = 20");
  source("UPDATE item SET region = 'EU' WHERE id = 20");
  wait_until_caught_up();
  stop();
  auto expected =
      source_rows("SELECT id, n, length(body), left(body, 9) FROM item WHERE region = 'EU'");
  std::ranges::sort(expected);
  for (const std::string table : {"item", "soft", "part"}) {
    const auto rows = "SELECT id, n, length(body), substr(body, 1, 9) FROM " + table;
    EXPECT_EQ(lite(rows), expected) << table;
    EXPECT_EQ(pg(rows), expected) << table;
  }
  const std::string entered = "SELECT _leat_op, id, body, _leat_missing FROM log"
                              " WHERE _leat_op NOT IN ('r', 'd') AND id IN (1, 3, 20)";
  EXPECT_EQ(lite(entered), (text_rows{{"i", "1", std::nullopt, R"(["body"])"},
                                      {"i", "20", std::nullopt, R"(["body"])"},
                                      {"i", "3", std::nullopt, R"(["body"])"}}));
}

} // namespace

} // namespace leat::test
