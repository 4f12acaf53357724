#include <gmock/gmock.h>

#include <algorithm>

#include "tests/support/pipeline_fixture.hpp"

// Several tables that feed one target, at SQLite and PostgreSQL.

namespace leat::test {
namespace {

class Merges : public pipeline_fixture {
 protected:
  Merges() {
    text.tables = R"(["shard_*.*"])";
    for (const auto* shard : {"shard_1", "shard_2"})
      source(std::string("CREATE SCHEMA ") + shard + "; CREATE TABLE " + shard
             + ".orders (id int PRIMARY KEY, note text); ALTER TABLE " + shard
             + ".orders ALTER note SET STORAGE EXTERNAL; INSERT INTO " + shard
             + ".orders SELECT i, '" + shard + " ' || i FROM generate_series(1, 120) i");
    merge("");
  }

  void merge(const std::string& more, const std::string& key = "key = [\"shard\", \"id\"]\n") {
    text.routes.clear();
    for (const auto* sink : {"lite", "pg"})
      text.routes.push_back(std::string("sink = \"") + sink + "\"\nfrom = \"shard_*.orders\"\n"
                            + "columns = [\"*\", { name = \"shard\", expr = \"'{1}'::int\" }]\n"
                            + key + more);
  }

  text_rows shards(const std::string& columns = "id, note") const {
    auto rows = source_rows("SELECT 1 AS shard, " + columns
                            + " FROM shard_1.orders UNION ALL "
                              "SELECT 2, "
                            + columns + " FROM shard_2.orders");
    std::sort(rows.begin(), rows.end());
    return rows;
  }

  void expect_shards(const std::string& columns = "id, note", const std::string& where = "") const {
    const auto sql = "SELECT shard, " + columns + " FROM orders " + where;
    const auto wanted = shards(columns);
    EXPECT_TRUE(lite(sql) == wanted) << lite(sql).size() << " rows, not " << wanted.size() << log();
    EXPECT_TRUE(pg(sql) == wanted) << pg(sql).size() << " rows, not " << wanted.size();
  }
};

TEST_F(Merges, OneTargetHoldsTheRowsOfAllSources) {
  start();
  wait_until_caught_up();
  expect_shards();
  source("UPDATE shard_1.orders SET note = 'new' WHERE id = 7; DELETE FROM shard_2.orders WHERE id "
         "= 7;"
         "UPDATE shard_2.orders SET id = 1007 WHERE id = 8; INSERT INTO shard_1.orders VALUES "
         "(500, 'x')");
  wait_until_caught_up();
  expect_shards();
  stop();
}

TEST_F(Merges, PlanSaysWhatTellsTheRowsOfASource) {
  const auto planned = leat("plan").out;
  EXPECT_NE(planned.find("merged with 1 other table: its rows have shard = 2"), std::string::npos)
      << planned;
}

TEST_F(Merges, ATruncateRemovesTheRowsOfItsSource) {
  start();
  wait_until_caught_up();
  source("TRUNCATE shard_1.orders; INSERT INTO shard_1.orders VALUES (1, 'first again')");
  wait_until_caught_up();
  stop();
  EXPECT_EQ(lite("SELECT count(*) FROM orders")[0][0], "121");
  expect_shards();
}

TEST_F(Merges, AResnapshotOfOneSourceRemovesWhatItLacksOfItsOwnRowsAlone) {
  catch_up();
  // A row at the target that no source has: of shard 1, which is read again.
  source("SELECT 1");
  server().execute(
      "INSERT INTO orders (shard, id, note) VALUES (1, 9000, 'stale'), (2, 9000, 'kept')",
      target_database);
  ASSERT_EQ(leat("resnapshot", {"shard_1.orders"}).status.code, 0);
  catch_up();
  EXPECT_EQ(pg("SELECT shard FROM orders WHERE id = 9000"), (text_rows{{"2"}}));
  server().execute("DELETE FROM orders WHERE id = 9000", target_database);
  expect_shards();
}

TEST_F(Merges, OneThatWasDroppedIsMadeAgainWithTheRowsOfAllItsSourcesOrNotAtAll) {
  catch_up();
  server().execute("DROP TABLE orders", target_database);
  EXPECT_EQ(run({"sqlite3", lite_path(), "DROP TABLE orders"}).status.code, 0);
  EXPECT_EQ(leat("resnapshot", {"shard_1.orders"}).status.code, 0);
  for (int runs = 0; runs < 2; ++runs) {
    const auto refused = leat("run", {"--until", "caught-up"});
    EXPECT_EQ(refused.status.code, 4) << refused.err;
    EXPECT_THAT(refused.err, testing::HasSubstr("`leat resnapshot shard_1.orders shard_2.orders`"));
  }
  EXPECT_EQ(leat("resnapshot", {"shard_2.orders"}).status.code, 0);
  catch_up();
  expect_shards();
}

TEST_F(Merges, OneThatWasDroppedIsMadeAgainWithTheColumnsThatEachSourceHasByNow) {
  catch_up();
  server().execute("DROP TABLE orders", target_database);
  EXPECT_EQ(run({"sqlite3", lite_path(), "DROP TABLE orders"}).status.code, 0);
  source("ALTER TABLE shard_1.orders ADD colour text; ALTER TABLE shard_2.orders ADD price int;"
         "INSERT INTO shard_1.orders VALUES (600, 'a', 'red');"
         "INSERT INTO shard_2.orders VALUES (600, 'b', 5)");
  EXPECT_EQ(leat("resnapshot", {"shard_1.orders", "shard_2.orders"}).status.code, 0);
  catch_up();
  EXPECT_EQ(lite("SELECT shard, colour, price FROM orders WHERE id = 600"),
            (text_rows{{"1", "red", {}}, {"2", {}, "5"}}));
  expect_shards();
  source("ALTER TABLE shard_2.orders ADD colour text; ALTER TABLE shard_1.orders ADD price int;"
         "UPDATE shard_2.orders SET colour = 'blue' WHERE id = 7;"
         "UPDATE shard_1.orders SET price = 8 WHERE id = 7");
  catch_up();
  expect_shards("id, note, colour, price");
}

TEST_F(Merges, ASourceThatComesLaterIsReadIntoTheTarget) {
  source("DROP TABLE shard_2.orders");
  catch_up();
  source("CREATE TABLE shard_2.orders (id int PRIMARY KEY, note text);"
         "INSERT INTO shard_2.orders SELECT i, 'later' FROM generate_series(1, 60) i");
  catch_up();
  expect_shards();
  source("TRUNCATE shard_1.orders");
  catch_up();
  expect_shards();
  source("DROP TABLE shard_1.orders; INSERT INTO shard_2.orders VALUES (900, 'alone')");
  const auto alone = catch_up();
  EXPECT_EQ(lite("SELECT count(*) FROM orders WHERE shard = 2")[0][0], "61") << alone.err;
}

TEST_F(Merges, ColumnsAreAddedAndDroppedOneSourceAfterTheOther) {
  start();
  wait_until_caught_up();
  source(
      "ALTER TABLE shard_1.orders ADD price int; INSERT INTO shard_1.orders VALUES (600, 'a', 5);"
      "INSERT INTO shard_2.orders VALUES (600, 'b')");
  wait_until_caught_up();
  EXPECT_EQ(lite("SELECT shard, price FROM orders WHERE id = 600"),
            (text_rows{{"1", "5"}, {"2", {}}}));
  source(
      "ALTER TABLE shard_2.orders ADD price int; INSERT INTO shard_2.orders VALUES (601, 'b', 7)");
  wait_until_caught_up();
  expect_shards("id, note, price");
  source("ALTER TABLE shard_1.orders DROP price; INSERT INTO shard_1.orders VALUES (602, 'c')");
  wait_until_caught_up();
  EXPECT_EQ(lite("SELECT count(price) FROM orders WHERE shard = 1")[0][0], "0");
  EXPECT_EQ(pg("SELECT price FROM orders WHERE id = 601"), (text_rows{{"7"}}));
  stop();
  catch_up();
  source("ALTER TABLE shard_2.orders DROP price; INSERT INTO shard_2.orders VALUES (603, 'd')");
  catch_up();
  EXPECT_EQ(lite_columns("orders"), (std::vector<std::string>{"id", "note", "shard"}));
  EXPECT_EQ(pg_columns("orders"), (std::vector<std::string>{"id", "note", "shard"}));
  expect_shards();
}

TEST_F(Merges, AnAddedColumnOfAnotherTypeStopsAndNamesBothTables) {
  start();
  wait_until_caught_up();
  source(
      "ALTER TABLE shard_1.orders ADD price int; INSERT INTO shard_1.orders VALUES (600, 'a', 5);"
      "ALTER TABLE shard_2.orders ADD price text; INSERT INTO shard_2.orders VALUES (600, 'b', "
      "'c')");
  const auto ended = wait_until_ended();
  EXPECT_EQ(ended.status.code, 3) << ended.err;
  EXPECT_NE(ended.err.find("tables shard_2.orders and shard_1.orders, which end at one target "
                           "`orders`, have column `price` with other types, text and integer"),
            std::string::npos)
      << ended.err;
}

TEST_F(Merges, SoftDeletesAndTruncatesMarkTheRowsOfTheirSource) {
  merge("delete = \"soft\"");
  start();
  wait_until_caught_up();
  source("TRUNCATE shard_1.orders; DELETE FROM shard_2.orders WHERE id < 10;"
         "INSERT INTO shard_1.orders VALUES (3, 'back')");
  wait_until_caught_up();
  stop();
  expect_shards("id, note", "WHERE NOT _leat_deleted");
  EXPECT_EQ(lite("SELECT shard, count(*) FROM orders WHERE _leat_deleted GROUP BY 1"),
            (text_rows{{"1", "119"}, {"2", "9"}}));
}

TEST_F(Merges, AppendTellsTheSourceOfEveryChange) {
  merge("mode = \"append\"", "");
  start();
  wait_until_caught_up();
  source("DELETE FROM shard_2.orders WHERE id = 1; TRUNCATE shard_1.orders");
  wait_until_caught_up();
  stop();
  const auto sql = "SELECT shard, _leat_op, count(*) FROM orders GROUP BY 1, 2 ORDER BY 1, 2";
  const text_rows wanted{{"1", "r", "120"}, {"1", "t", "1"}, {"2", "d", "1"}, {"2", "r", "120"}};
  EXPECT_EQ(lite(sql), wanted);
  EXPECT_EQ(pg(sql), wanted);
}

TEST_F(Merges, RowsThatMissUnchangedValuesAreReadFromTheirOwnSource) {
  for (auto& r : text.routes) r += "where = \"id < 1000\"\n";
  source("UPDATE shard_1.orders SET note = repeat('a', 5000) WHERE id = 5;"
         "UPDATE shard_2.orders SET note = repeat('b', 5000), id = 2005 WHERE id = 5");
  start();
  wait_until_caught_up();
  source("UPDATE shard_2.orders SET id = 5 WHERE id = 2005");
  wait_until_caught_up();
  stop();
  expect_shards();
}

} // namespace
} // namespace leat::test
