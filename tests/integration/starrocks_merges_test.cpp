#include <gmock/gmock.h>

#include "tests/integration/starrocks_pipeline_fixture.hpp"

namespace leat::test {
namespace {

using testing::AllOf;
using testing::HasSubstr;

/// Several source tables in one table of StarRocks, and tables without a key.
class StarrocksMerges : public starrocks_pipeline, public ::testing::WithParamInterface<atomicity> {
 protected:
  StarrocksMerges() {
    text.tables = R"(["shard_*.*", "public.*"])";
    text.sinks = {{"dwh", sink_lines() + "atomicity = \"" + mode_name() + "\"\n"}};
    for (const std::string shard : {"shard_1", "shard_2"})
      source("CREATE SCHEMA " + shard + "; CREATE TABLE " + shard
             + ".orders (id int PRIMARY KEY, note text); INSERT INTO " + shard
             + ".orders SELECT i, '" + shard + "' FROM generate_series(1, 120) i");
    text.routes = {shards("orders", "key = [\"shard\", \"id\"]\n")};
  }
  static std::string mode_name() { return GetParam() == atomicity::epoch ? "epoch" : "table"; }
  static std::string shards(const std::string& to, const std::string& more) {
    return "sink = \"dwh\"\nfrom = \"shard_*.orders\"\nto = \"" + to
           + "\"\ncolumns = [\"*\", { name = \"shard\", expr = \"'{1}'::int\" }]\n" + more;
  }
  std::string numbers(const std::string& name, const std::string& where) {
    return rows_of("SELECT shard, count(*) AS n, min(id) AS least FROM " + table(name) + " WHERE "
                   + where + " GROUP BY shard ORDER BY shard");
  }
};

TEST_P(StarrocksMerges, KeepTheRowsOfTheirSourcesApart) {
  start();
  wait_until_caught_up();
  EXPECT_EQ(numbers("orders", "id > 0"), "1|120|1 2|120|1");
  source("UPDATE shard_1.orders SET note = 'new' WHERE id = 7; DELETE FROM shard_2.orders WHERE "
         "id < 10; UPDATE shard_2.orders SET id = 1007 WHERE id = 80");
  wait_until_caught_up();
  EXPECT_EQ(numbers("orders", "id > 0"), "1|120|1 2|111|10");
  source("TRUNCATE shard_1.orders; INSERT INTO shard_1.orders VALUES (3, 'x')");
  wait_until_caught_up();
  EXPECT_EQ(numbers("orders", "id > 0"), "1|1|3 2|111|10");
  kill();
  source("TRUNCATE shard_2.orders");
  ASSERT_EQ(catch_up().status.code, 0);
  EXPECT_EQ(numbers("orders", "id > 0"), "1|1|3");
}

TEST_P(StarrocksMerges, ALogHasEachRowOfEachSnapshotOnce) {
  text.routes = {shards("log", "mode = \"append\"\n")};
  start();
  wait_until_caught_up();
  source("DELETE FROM shard_2.orders WHERE id <= 2");
  wait_until_caught_up();
  stop();
  EXPECT_EQ(numbers("log", "_leat_op = 'r'"), "1|120|1 2|120|1");
  EXPECT_EQ(numbers("log", "_leat_op = 'd'"), "2|2|1");
}

TEST_P(StarrocksMerges, OneThatWasDroppedIsMadeAgainWithTheRowsOfAllItsSourcesOrNotAtAll) {
  ASSERT_EQ(catch_up().status.code, 0);
  execute("DROP TABLE " + table("orders") + " FORCE");
  ASSERT_EQ(leat("resnapshot", {"shard_1.orders"}).status.code, 0);
  for (int run = 0; run < 2; ++run) {
    const auto ended = leat("run", {"--until", "caught-up"});
    EXPECT_EQ(ended.status.code, 4) << ended.err;
    EXPECT_THAT(ended.err, HasSubstr("`leat resnapshot shard_1.orders shard_2.orders`"));
  }
  ASSERT_EQ(leat("resnapshot", {"shard_1.orders", "shard_2.orders"}).status.code, 0);
  source("DELETE FROM shard_2.orders WHERE id = 1");
  ASSERT_EQ(catch_up().status.code, 0);
  EXPECT_EQ(numbers("orders", "id > 0"), "1|120|1 2|119|2");
}

TEST_P(StarrocksMerges, OneThatWasDroppedIsNotMadeForANewSourceAlone) {
  source("CREATE SCHEMA shard_3; CREATE TABLE shard_3.orders (id int PRIMARY KEY, note text)");
  text.tables = R"(["shard_1.*", "shard_2.*"])";
  ASSERT_EQ(catch_up().status.code, 0);
  execute("DROP TABLE " + table("orders") + " FORCE");
  text.tables = R"(["shard_*.*"])";
  const auto ended = leat("run", {"--until", "caught-up"});
  EXPECT_EQ(ended.status.code, 4) << ended.err;
  EXPECT_THAT(ended.err, AllOf(HasSubstr("shard_1.orders"), HasSubstr("shard_2.orders")));
  ASSERT_EQ(leat("resnapshot", {"shard_1.orders", "shard_2.orders", "shard_3.orders"}).status.code,
            0);
  ASSERT_EQ(catch_up().status.code, 0);
  EXPECT_EQ(numbers("orders", "id > 0"), "1|120|1 2|120|1");
}

TEST_P(StarrocksMerges, ATableWithoutAKeyIsKeptAsALogAlone) {
  source("CREATE TABLE bag (a int, b text); ALTER TABLE bag REPLICA IDENTITY FULL;"
         "INSERT INTO bag SELECT i % 3, 'b' FROM generate_series(1, 130) i");
  text.routes = {"sink = \"dwh\"\nfrom = \"public.bag\"\n"};
  const auto said = leat("check");
  EXPECT_NE(said.status.code, 0);
  EXPECT_THAT(said.out + said.err, HasSubstr("append"));
  text.routes = {"sink = \"dwh\"\nfrom = \"public.bag\"\nmode = \"append\"\n"};
  start();
  wait_until_caught_up();
  source("INSERT INTO bag VALUES (1, 'new'), (1, 'new'); DELETE FROM bag WHERE b = 'new' AND ctid "
         "= (SELECT min(ctid) FROM bag WHERE b = 'new')");
  wait_until_caught_up();
  stop();
  EXPECT_EQ(rows_of("SELECT _leat_op, count(*) AS n FROM " + table("bag")
                    + " GROUP BY _leat_op ORDER BY _leat_op"),
            "d|1 i|2 r|130");
}

INSTANTIATE_TEST_SUITE_P(Mode, StarrocksMerges, testing::Values(atomicity::epoch, atomicity::table),
                         leat::test::mode_name);

} // namespace
} // namespace leat::test
