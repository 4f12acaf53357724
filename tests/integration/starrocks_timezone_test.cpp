#include <gmock/gmock.h>

#include "tests/integration/starrocks_pipeline_fixture.hpp"

namespace leat::test {
namespace {

using testing::HasSubstr;

/// [sink.NAME.table] timezone: timestamptz as the clock on the wall shows it.
class StarrocksTimezone : public starrocks_pipeline {
 protected:
  StarrocksTimezone() { use_zone("Europe/Berlin"); }
  void use_zone(const std::string& zone) {
    auto lines = sink_lines();
    const std::string before = "table = { ";
    lines.replace(lines.find(before), before.size(), before + "timezone = \"" + zone + "\", ");
    text.sinks = {{"dwh", lines}};
  }
};

TEST_F(StarrocksTimezone, SnapshotStreamLogAndRowsReadBackShowTheSame) {
  text.routes.push_back("from = \"public.t\"\nsink = \"dwh\"\nto = \"log\"\nmode = \"append\"");
  source("CREATE TABLE t (id int PRIMARY KEY, n int, at timestamptz, ats timestamptz[], big text);"
         "ALTER TABLE t ALTER big SET STORAGE EXTERNAL;"
         "INSERT INTO t VALUES (1, 1, '2024-03-31 00:59:59.999999+00', '{2024-03-31 01:00+00}', "
         "repeat('x', 9000))");
  start();
  wait_until_caught_up();
  source("INSERT INTO t SELECT 2, n, at, ats, big FROM t");
  wait_until_caught_up();
  source("UPDATE t SET n = 2");
  wait_until_caught_up();
  stop();
  const std::string row = R"(|2024-03-31 01:59:59.999999|["2024-03-31 03:00:00"])";
  EXPECT_EQ(rows_of("id, n, at, ats", "t"), "1|2" + row + " 2|2" + row);
  EXPECT_EQ(rows_of("id, n, at, ats", "log", "id, n"),
            "1|1" + row + " 1|2" + row + " 2|1" + row + " 2|2" + row);
}

TEST_F(StarrocksTimezone, ThePlanNamesTheHourThatIsLost) {
  source("CREATE TABLE t (id int PRIMARY KEY, at timestamptz)");
  EXPECT_THAT(leat("plan").out, HasSubstr("in Europe/Berlin: the hour that comes twice"));
}

TEST_F(StarrocksTimezone, OfAKeyIsRefusedSinceTwoRowsWouldBeOne) {
  source("CREATE TABLE t (at timestamptz PRIMARY KEY, n int)");
  const auto said = leat("run", {"--until", "caught-up"});
  EXPECT_EQ(said.status.code, 2);
  EXPECT_THAT(said.err, HasSubstr("[route.table]"));
}

TEST_F(StarrocksTimezone, ThatIsUnknownIsAMistakeInTheFile) {
  use_zone("Europe/Nowhere");
  const auto said = leat("check");
  EXPECT_EQ(said.status.code, 2);
  EXPECT_THAT(said.err, HasSubstr("Europe/Nowhere"));
}

TEST_F(StarrocksTimezone, AnotherOneNeedsTheRowsAgain) {
  source("CREATE TABLE t (id int PRIMARY KEY, at timestamptz); INSERT INTO t VALUES (1, "
         "'2024-07-01 12:00+00')");
  ASSERT_EQ(catch_up().status.code, 0);
  EXPECT_EQ(rows_of("at", "t", "at"), "2024-07-01 14:00:00");
  use_zone("America/New_York");
  EXPECT_THAT(leat("run", {"--until", "caught-up"}).err, HasSubstr("timezone"));
}

} // namespace
} // namespace leat::test
