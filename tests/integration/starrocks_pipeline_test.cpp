#include <gmock/gmock.h>

#include "tests/integration/starrocks_pipeline_fixture.hpp"

namespace leat::test {
namespace {

using testing::HasSubstr;

/// PostgreSQL through the leat binary, in both ways of committing.
class StarrocksPipeline : public starrocks_pipeline,
                          public ::testing::WithParamInterface<atomicity> {
 protected:
  StarrocksPipeline() {
    text.sinks = {{"dwh", sink_lines()
                              + (GetParam() == atomicity::epoch ? "atomicity = \"epoch\"\n"
                                                                : "atomicity = \"table\"\n")}};
  }
};

TEST_P(StarrocksPipeline, ASnapshotAStreamAndARestartLeaveTheSameRows) {
  source("CREATE TABLE shop (id int PRIMARY KEY, name text, at timestamptz);"
         "INSERT INTO shop SELECT i, 'n' || i, '2024-01-01 00:00:00.5+00' FROM generate_series(1, "
         "200) i");
  ASSERT_EQ(catch_up().status.code, 0);
  EXPECT_EQ(rows_of("count(*) AS n", "shop", "n"), "200");
  source("UPDATE shop SET name = 'x' WHERE id <= 2; DELETE FROM shop WHERE id > 3");
  start();
  wait_until_caught_up();
  EXPECT_EQ(rows_of("id, name", "shop"), "1|x 2|x 3|n3");
  source("INSERT INTO shop VALUES (9, 'late', NULL)");
  wait_until_caught_up();
  kill();
  source("INSERT INTO shop VALUES (10, 'later', NULL)");
  ASSERT_EQ(catch_up().status.code, 0);
  EXPECT_EQ(rows_of("id, name", "shop"), "1|x 2|x 3|n3 9|late 10|later");
}

TEST_P(StarrocksPipeline, ATableThatIsDroppedAtTheTargetEndsTheRunUntilItIsReadAgain) {
  source("CREATE TABLE shop (id int PRIMARY KEY, name text); INSERT INTO shop VALUES (1, 'a')");
  start();
  wait_until_caught_up();
  execute("DROP TABLE " + table("shop"));
  source("INSERT INTO shop VALUES (2, 'b')");
  EXPECT_EQ(wait_until_ended().status.code, 4);
  EXPECT_THAT(log(), HasSubstr("the target table was dropped"));
  EXPECT_EQ(leat("run", {"--until", "caught-up"}).status.code, 4);
  EXPECT_EQ(leat("resnapshot", {"public.shop"}).status.code, 0);
  ASSERT_EQ(catch_up().status.code, 0);
  EXPECT_EQ(rows_of("id, name", "shop"), "1|a 2|b");
}

TEST_P(StarrocksPipeline, ATableThatWasDroppedIsMadeWithTheColumnsAndTheKeyOfTheSourceByNow) {
  source("CREATE TABLE shop (id int PRIMARY KEY, name text NOT NULL, price int);"
         "INSERT INTO shop SELECT i, 'n' || i, i FROM generate_series(1, 200) i");
  ASSERT_EQ(catch_up().status.code, 0);
  execute("DROP TABLE " + table("shop") + " FORCE");
  source("ALTER TABLE shop RENAME COLUMN id TO number; ALTER TABLE shop DROP COLUMN price;"
         "ALTER TABLE shop ADD COLUMN colour text; INSERT INTO shop VALUES (900, 'last', 'red')");
  EXPECT_EQ(leat("resnapshot", {"public.shop"}).status.code, 0);
  ASSERT_EQ(catch_up().status.code, 0);
  EXPECT_EQ(rows_of("SELECT number, name, colour FROM " + table("shop")
                    + " WHERE number > 199 ORDER BY number"),
            "200|n200|NULL 900|last|red");

  source("ALTER TABLE shop DROP CONSTRAINT shop_pkey, ADD PRIMARY KEY (name);"
         "ALTER TABLE shop ALTER number TYPE text, ALTER number DROP NOT NULL; UPDATE shop SET "
         "colour = 'blue' WHERE name = "
         "'n200'");
  EXPECT_EQ(leat("run", {"--until", "caught-up"}).status.code, 3);
  text.tables = R"(["public.*", "!public.shop"])";
  source("CREATE TABLE other (id int PRIMARY KEY)");
  ASSERT_EQ(catch_up().status.code, 0);
  execute("DROP TABLE " + table("shop") + " FORCE");
  text.tables = R"(["public.*"])";
  ASSERT_EQ(catch_up().status.code, 0);
  EXPECT_EQ(rows_of("count(*) AS n", "shop", "n"), "201");
  source("DELETE FROM shop WHERE name LIKE 'n%' AND name <> 'n200'; UPDATE shop SET number = NULL "
         "WHERE name = 'last'");
  ASSERT_EQ(catch_up().status.code, 0);
  EXPECT_EQ(rows_of("name, number, colour", "shop", "name"), "last|NULL|red n200|200|blue");
}

TEST_P(StarrocksPipeline, SnapshotAndStreamGiveEqualValues) {
  source(
      "CREATE TABLE v (id int PRIMARY KEY, b boolean, f float8, n numeric(20,5), u numeric, t "
      "text, y bytea, d date, ts timestamp, tz timestamptz, g uuid, j jsonb, a int[], ta text[]);"
      "INSERT INTO v VALUES (1, true, 0.1, 1.10, 12345678901234567890.5, E'a\\n\"\\\\\"', "
      "'\\x00ff', '2024-02-29', '2024-02-29 01:02:03.123456', '2024-02-29 01:02:03+02', "
      "'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', '{\"k\": [1, \"Таблица\"]}', '{1,NULL}', "
      "'{\"a,b\",\"\"}')");
  start();
  wait_until_caught_up();
  source("INSERT INTO v SELECT 2, b, f, n, u, t, y, d, ts, tz, g, j, a, ta FROM v");
  wait_until_caught_up();
  stop();
  const auto all = rows_of("b, f, n, u, t, hex(y) AS y, d, ts, tz, g, j, a, ta", "v");
  const auto half = all.size() / 2;
  EXPECT_EQ(all.substr(0, half), all.substr(half + 1));
  EXPECT_THAT(all, HasSubstr("1|0.1|1.10000|12345678901234567890.5|a\n\"\\\"|00FF|2024-02-29|"
                             "2024-02-29 01:02:03.123456|2024-02-28 23:02:03|"));
}

TEST_P(StarrocksPipeline, ColumnsThatComeAndUnchangedToastAreFollowed) {
  source("CREATE TABLE t (id int PRIMARY KEY, n int, big text);"
         "ALTER TABLE t ALTER big SET STORAGE EXTERNAL;"
         "INSERT INTO t VALUES (1, 1, repeat('x', 9000))");
  start();
  wait_until_caught_up();
  source("UPDATE t SET n = 2; ALTER TABLE t ADD COLUMN extra text; "
         "INSERT INTO t VALUES (2, 3, 'y', 'new')");
  wait_until_caught_up();
  EXPECT_EQ(rows_of("id, n, length(big) AS l, extra", "t"), "1|2|9000|NULL 2|3|1|new");
  source("TRUNCATE t; INSERT INTO t VALUES (3, 3, 'z', NULL)");
  wait_until_caught_up();
  EXPECT_EQ(rows_of("id, n", "t"), "3|3");
  stop();
}

TEST_P(StarrocksPipeline, ATableThatIsDroppedStaysAtTheTargetAndOneThatComesJoins) {
  source("CREATE TABLE item (id int PRIMARY KEY); INSERT INTO item VALUES (1), (2);"
         "CREATE TABLE other (id int PRIMARY KEY); INSERT INTO other VALUES (1)");
  text.interval = "30ms";
  start();
  wait_until_caught_up();
  source("INSERT INTO item VALUES (3); DROP TABLE item; INSERT INTO other VALUES (2);"
         "CREATE TABLE fresh (id int PRIMARY KEY, name text);"
         "INSERT INTO fresh VALUES (1, 'one'), (2, 'two')");
  wait_until("fresh does not join", [&] {
    source("UPDATE fresh SET name = name || '.' WHERE id = 2; UPDATE other SET id = id");
    return log().find("3 tables into") != std::string::npos;
  });
  source("INSERT INTO fresh VALUES (3, 'three'); UPDATE fresh SET name = 'two' WHERE id = 2;"
         "INSERT INTO other VALUES (3)");
  wait_until_caught_up();
  EXPECT_EQ(rows_of("id, name", "fresh"), "1|one 2|two 3|three");
  EXPECT_EQ(rows_of("id", "other"), "1 2 3");
  EXPECT_EQ(rows_of("id", "item"), "1 2 3") << "what it wrote stays";
  stop();
  const auto said = catch_up();
  EXPECT_THAT(said.err, HasSubstr("the route to dwh/item is gone from the file, or its table from "
                                  "the source"));
}

INSTANTIATE_TEST_SUITE_P(Mode, StarrocksPipeline,
                         testing::Values(atomicity::epoch, atomicity::table), mode_name);

} // namespace
} // namespace leat::test
