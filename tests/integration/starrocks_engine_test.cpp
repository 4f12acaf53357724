#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

#include "tests/integration/starrocks_pipeline_fixture.hpp"

namespace leat::test {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

/// What the engine does with a StarRocks target, beyond rows.
class StarrocksEngine : public starrocks_pipeline {
 protected:
  ~StarrocksEngine() override {
    if (cluster().is_double()) cluster().remove("/quirk");
  }
};

TEST_F(StarrocksEngine, TooManyVersionsMakeEpochsLongerWhichIsSaid) {
  if (!cluster().is_double()) GTEST_SKIP() << "only the double takes orders";
  source("CREATE TABLE t (id int PRIMARY KEY)");
  start();
  wait_until_caught_up();
  cluster().control("/quirk", {{"compaction", false}, {"max_versions", 5}});
  wait_until("epochs get longer", [&] {
    source("INSERT INTO t SELECT coalesce(max(id), 0) + 1 FROM t");
    return status().find("\"epochs_at_least_ms\":2000") != std::string::npos;
  });
  EXPECT_THAT(log(),
              AllOf(HasSubstr("Too many versions"),
                    HasSubstr("epochs are at least 2000 ms long: sink dwh does not keep up")));
  cluster().remove("/quirk");
  cluster().control("/compact", nlohmann::json::object());
  wait_until_caught_up();
  EXPECT_EQ(rows_of("count(*) AS n", "t", "n"), source_value("SELECT count(*) FROM t"));
  stop();
}

TEST_F(StarrocksEngine, ThePlanSaysWhatIsOneTransaction) {
  source("CREATE TABLE t (id int PRIMARY KEY)");
  EXPECT_THAT(leat("plan").out, HasSubstr("one transaction over all tables (4.0 and later)"));
  text.sinks["dwh"] += "atomicity = \"table\"\n";
  EXPECT_THAT(leat("plan").out, HasSubstr("starrocks, 1 tables, a transaction a table"));
}

TEST_F(StarrocksEngine, ARouteSaysHowItsTablesAreMadeAndCommentsAreCarriedOver) {
  source("CREATE TABLE t (id int PRIMARY KEY, v text);"
         "COMMENT ON TABLE t IS 'things';COMMENT ON COLUMN t.v IS 'what is \"in\" it'");
  text.routes = {"from = \"public.*\"\nsink = \"dwh\"\n[route.table]\nbuckets = 5"};
  EXPECT_THAT(leat("plan").out, AllOf(HasSubstr("BUCKETS 5"), HasSubstr("COMMENT \"things\"")));
  ASSERT_EQ(catch_up().status.code, 0);
  const auto made = ask("SHOW CREATE TABLE `" + database_ + "`.t").rows.at(0).at(1).value_or("");
  EXPECT_THAT(made, AllOf(HasSubstr("BUCKETS 5"), HasSubstr("\"replication_num\" = \"1\""),
                          HasSubstr("COMMENT \"what is \\\"in\\\" it\"")));
  source(
      "ALTER TABLE t ADD w int; COMMENT ON COLUMN t.w IS 'new'; INSERT INTO t VALUES (1, 'a', 2)");
  ASSERT_EQ(catch_up().status.code, 0);
  const auto added =
      ask("SELECT COLUMN_COMMENT FROM information_schema.columns WHERE TABLE_SCHEMA = '" + database_
          + "' AND TABLE_NAME = 't' AND COLUMN_NAME = 'w'");
  EXPECT_EQ(added.text(0, "COLUMN_COMMENT"), "new");
}

TEST_F(StarrocksEngine, BadRowsGoToTheDeadLettersAndThePipelineGoesOn) {
  source("CREATE TABLE t (id int PRIMARY KEY, d date); INSERT INTO t VALUES (1, 'infinity'), (2, "
         "'2024-01-01')");
  text.sinks["dwh"] += "dead_letter = \"leat_dead_letter\"\n";
  start();
  wait_until_caught_up();
  source("INSERT INTO t VALUES (3, '-infinity'), (4, '2024-01-02'); UPDATE t SET d = '2024-01-03' "
         "WHERE id = 1");
  wait_until_caught_up();
  EXPECT_EQ(rows_of("id, d", "t"), "1|2024-01-03 2|2024-01-01 4|2024-01-02");
  EXPECT_EQ(rows_of("`key`", "leat_dead_letter", "CAST(`key` AS VARCHAR)"),
            "{\"id\": \"1\"} {\"id\": \"3\"}");
  stop();
}

TEST_F(StarrocksEngine, RowsThatATransformRefusesGoToTheDeadLettersAndThePipelineGoesOn) {
  source(
      "CREATE TABLE t (id int PRIMARY KEY, doc jsonb); INSERT INTO t VALUES (1, '{\"n\": \"x\"}'), "
      "(2, '{\"n\": 2}')");
  text.sinks["dwh"] += "dead_letter = \"leat_dead_letter\"\n";
  text.routes[0] += "\non_error = \"dead_letter\"\ntransform = \"fl\"";
  text.rest = "[transform.fl]\ntype = \"flatten\"\ncolumn = \"doc\"\nfields = [\"n::int\"]\n";
  start();
  wait_until_caught_up();
  source("UPDATE t SET doc = '{\"n\": 1}' WHERE id = 1; UPDATE t SET doc = '{\"n\": []}' WHERE id "
         "= 2");
  wait_until_caught_up();
  EXPECT_EQ(rows_of("id, doc_n", "t"), "1|1 2|2");
  EXPECT_EQ(rows_of("`key`, reason", "leat_dead_letter", "CAST(`key` AS VARCHAR)"),
            "{\"id\": \"1\"}|transform fl: invalid input syntax for type integer: \"x\" "
            "{\"id\": \"2\"}|transform fl: invalid input syntax for type integer: \"[]\"");
  stop();
}

TEST_F(StarrocksEngine, DropLeavesTheRowsAndNoRecord) {
  source("CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t VALUES (1)");
  ASSERT_EQ(catch_up().status.code, 0);
  const auto dropped = leat("drop", {"--yes"});
  EXPECT_EQ(dropped.status.code, 0) << dropped.err;
  EXPECT_EQ(rows_of("id", "t"), "1");
  EXPECT_EQ(ask("SHOW TABLES FROM `" + database_ + "`").rows.size(), 1u);
}

TEST_F(StarrocksEngine, PasswordsAreInNoPlanLogOrError) {
  text.sinks["dwh"] = sink_lines();
  const auto at = text.sinks["dwh"].find("password = \"");
  text.sinks["dwh"].insert(at + 12, "s3cret");
  for (const auto* command : {"check", "plan", "run"}) {
    const auto done = leat(command);
    EXPECT_THAT(done.out + done.err, Not(HasSubstr("s3cret"))) << command;
  }
}

} // namespace
} // namespace leat::test
