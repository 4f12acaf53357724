#include <gmock/gmock.h>
#include <httplib.h>

#include <atomic>
#include <nlohmann/json.hpp>
#include <thread>

#include "tests/integration/starrocks_fixture.hpp"

namespace leat::test {
namespace {

using nlohmann::json;
using testing::AllOf;
using testing::AnyOf;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

/// The table "What leat does when a server says no" of docs/starrocks.md, where
/// starrocks_faults_test.cpp has not got it.
class StarrocksReaction : public starrocks_both {
 protected:
  void SetUp() override {
    if (!cluster().is_double()) GTEST_SKIP() << "only the double takes orders";
  }
  void first_row() {
    begin();
    write(changes().insert({1, "a", "x"}));
    commit(1);
    write(changes().insert({2, "b", "y"}));
  }
  leat::error refused_with(const json& quirk) {
    first_row();
    cluster().control("/quirk", quirk);
    return error_of([&] { commit(2); });
  }
  void expect_repeat() {
    cluster().remove("/quirk");
    restart();
    EXPECT_EQ(held.epoch, 1u);
    write(changes().insert({2, "b", "y"}));
    commit(2);
    EXPECT_EQ(items_rows(), "1|a|x 2|b|y");
  }
  /// A user of the cluster, as the sink's.
  sink_options as_user(const json& user) {
    cluster().control("/user", user);
    auto o = options();
    o.connection = {{"user", user.at("name")}, {"password", user.value("password", "")}};
    return o;
  }
};

TEST_P(StarrocksReaction, ALimitOfRunningTransactionsPasses) {
  const auto e = refused_with({{"max_running_txn", 0}});
  EXPECT_TRUE(e.transient()) << e.brief();
  EXPECT_THAT(e.remedy(), HasSubstr("max_running_txn_num_per_db"));
  expect_repeat();
}

TEST_P(StarrocksReaction, AFullDiskPasses) {
  const auto e = refused_with({{"disk_full", true}});
  EXPECT_TRUE(e.transient()) << e.brief();
  EXPECT_THAT(e.remedy(), HasSubstr("make room"));
  expect_repeat();
}

TEST_P(StarrocksReaction, ALackOfMemoryPasses) {
  first_row();
  cluster().control(
      "/fault",
      {{"op", "load"}, {"phase", "after"}, {"action", "error:Memory of process exceed limit"}});
  const auto e = error_of([&] { commit(2); });
  EXPECT_TRUE(e.transient()) << e.brief();
  cluster().remove("/fault");
  expect_repeat();
}

TEST_P(StarrocksReaction, AnFeThatIsNotThereIsPassedOver) {
  auto o = options();
  o.starrocks.http.insert(o.starrocks.http.begin(), "127.0.0.1:1");
  o.starrocks.mysql.insert(o.starrocks.mysql.begin(), "127.0.0.1:1");
  open(o);
  attach_items();
  write(changes().insert({1, "a", "x"}));
  commit(1);
  EXPECT_EQ(items_rows(), "1|a|x");
}

TEST_P(StarrocksReaction, AReadOnlyTableEndsThePipeline) {
  const auto e = refused_with({{"read_only", true}});
  EXPECT_FALSE(e.transient()) << e.brief();
  EXPECT_THAT(e.remedy(), HasSubstr("writable"));
}

TEST_P(StarrocksReaction, ATransactionThatTimedOutIsRepeated) {
  first_row();
  target().prepare();
  // A day and more: what is prepared is given up too.
  cluster().control("/clock", {{"advance", 90'000}});
  const auto e = error_of([&] { target().commit(progress(2)); });
  EXPECT_TRUE(e.transient()) << e.brief();
  expect_repeat();
}

TEST_P(StarrocksReaction, APasswordThatChangesMeanwhileEndsThePipelineAndIsNotPrinted) {
  open(as_user({{"name", "leat"}, {"password", "first-s3cret"}}));
  attach_items();
  write(changes().insert({1, "a", "x"}));
  cluster().control("/user", {{"name", "leat"}, {"password", "second-s3cret"}});
  const auto e = error_of([&] { commit(1); });
  EXPECT_FALSE(e.transient()) << e.brief();
  EXPECT_THAT(e.what(), HasSubstr("user or the password"));
  EXPECT_THAT(e.brief() + e.remedy(), Not(HasSubstr("s3cret")));
}

TEST_P(StarrocksReaction, AMissingRightEndsThePipeline) {
  begin();
  write(changes().insert({1, "a", "x"}));
  commit(1);
  open(as_user({{"name", "leat"}, {"read_only", {database_ + ".items"}}}));
  attach_items();
  write(changes().insert({2, "b", "y"}));
  const auto e = error_of([&] { commit(2); });
  EXPECT_FALSE(e.transient()) << e.brief();
  EXPECT_THAT(e.remedy(), HasSubstr("GRANT"));
}

TEST_P(StarrocksReaction, ADatabaseThatCannotBeMadeEndsThePipeline) {
  const auto e = error_of([&] { open(as_user({{"name", "leat"}, {"may_create", false}})); });
  EXPECT_FALSE(e.transient()) << e.brief();
  EXPECT_THAT(e.what(), HasSubstr("Access denied"));
}

TEST_P(StarrocksReaction, ADatabaseThatIsDroppedMeanwhileEndsThePipeline) {
  first_row();
  execute("DROP DATABASE `" + database_ + "` FORCE");
  const auto e = error_of([&] { commit(2); });
  EXPECT_FALSE(e.transient()) << e.brief();
  EXPECT_THAT(e.brief() + e.remedy(),
              AnyOf(HasSubstr("unknown database"), HasSubstr("Unknown database"),
                    HasSubstr("`database` is there")));
}

TEST_P(StarrocksReaction, TooManyVersionsMakeEpochsLonger) {
  first_row();
  EXPECT_EQ(target().pace().count(), 0);
  cluster().control("/quirk", {{"compaction", false}, {"max_versions", 2}});
  error_of([&] {
    for (epoch_id e = 2; e < 9; ++e) {
      commit(e);
      write(changes().insert({static_cast<int>(e) + 1, "b", "y"}));
    }
  });
  reopen();
  EXPECT_GE(target().pace().count(), 2000);
}

TEST_P(StarrocksReaction, TooManyVersionsOfLeatsOwnTablesMakeEpochsLongerAsWell) {
  first_row();
  write(changes().insert({2, "b", "y"}));
  cluster().control("/fault", {{"op", "sql:INSERT INTO .*leat_progress"},
                               {"action", "error:1064:Too many versions. tablet_id: 7"}});
  // Where an epoch is one transaction only a beginning writes by SQL.
  const auto e = error_of([&] {
    commit(2);
    restart();
  });
  EXPECT_TRUE(e.transient()) << e.brief();
  EXPECT_THAT(e.remedy(), HasSubstr("checkpoint.interval"));
  restart();
  EXPECT_GE(target().pace().count(), 2000);
  write(changes().insert({2, "b", "y"}));
  commit(held.epoch + 1);
  EXPECT_EQ(items_rows(), "1|a|x 2|b|y");
}

TEST_P(StarrocksReaction, AnErrorLogElsewhereIsNotFetched) {
  httplib::Server elsewhere;
  std::atomic<int> asked = 0;
  elsewhere.Get(".*", [&](const httplib::Request&, httplib::Response&) { ++asked; });
  const auto port = elsewhere.bind_to_any_port("127.0.0.1");
  std::thread serving([&] { elsewhere.listen_after_bind(); });
  first_row();
  const auto url = "http://127.0.0.1:" + std::to_string(port) + "/api/_load_error_log?file=x";
  cluster().control(
      "/fault",
      {{"op", "load"},
       {"node", "be*"},
       {"phase", "after"},
       {"action", "reply"},
       {"argument",
        {{"Status", "INTERNAL_ERROR"}, {"Message", "too many filtered rows"}, {"ErrorURL", url}}}});
  const auto e = error_of([&] { commit(2); });
  EXPECT_THAT(e.what(), HasSubstr("too many filtered rows"));
  EXPECT_EQ(asked, 0);
  elsewhere.stop();
  serving.join();
}

TEST_P(StarrocksReaction, ForgettingLeavesTheRowsAndNothingElse) {
  first_row();
  target().prepare();
  close();
  auto other = starrocks::make_sink("shop", options());
  other->forget();
  EXPECT_EQ(rows_of("SHOW TABLES FROM `" + database_ + "`"), "items");
  EXPECT_EQ(items_rows(), "1|a|x");
  // Nothing of the open transaction is left to block a change of the table.
  const auto status = cluster().control("/status");
  for (const auto& t : status.at("transactions"))
    if (t.at("db") == database_) {
      EXPECT_NE(t.at("state"), "PREPARE") << t;
    }
  other->forget();
}

TEST_P(StarrocksReaction, ForgettingLeavesTheRecordsOfOtherPipelines) {
  first_row();
  close();
  starrocks::make_sink("other", options())->open();
  starrocks::make_sink("shop", options())->forget();
  EXPECT_EQ(rows_of("SELECT pipeline, target FROM " + table("leat_progress")), "other|*session");
}

TEST_P(StarrocksReaction, ForgettingWhatNeverRanDoesNothing) {
  starrocks::make_sink("shop", options())->forget();
  EXPECT_EQ(rows_of("SELECT count(*) AS n FROM information_schema.schemata WHERE SCHEMA_NAME = '"
                    + database_ + "'"),
            "0");
}

TEST_P(StarrocksReaction, CheckChangesNothingAndTellsWhatStandsInTheWay) {
  const auto routes = std::vector<route_ptr>{share(route_of(items()))};
  const auto check = [&] { return starrocks::make_sink("shop", options())->check(routes); };
  EXPECT_THAT(check(), IsEmpty());
  execute("CREATE DATABASE `" + database_ + "`");
  EXPECT_THAT(check(), IsEmpty());
  EXPECT_EQ(rows_of("SHOW TABLES FROM `" + database_ + "`"), "");
  execute("CREATE TABLE " + table("items")
          + " (id INT NOT NULL, name VARCHAR(5) NULL) PRIMARY KEY(id) "
            "DISTRIBUTED BY HASH(id) PROPERTIES(\"replication_num\"=\"1\")");
  ASSERT_EQ(check().size(), 1u);
  EXPECT_THAT(check().front().remedy(), HasSubstr("ALTER TABLE"));
  execute("INSERT INTO " + table("items") + " VALUES (1, 'a')");
  ASSERT_EQ(check().size(), 1u);
  EXPECT_THAT(check().front().what(), HasSubstr("rows that this pipeline has not written"));
}

TEST_P(StarrocksReaction, ProgressIsLookedAtWithoutMakingAnything) {
  const auto look = [&] { return starrocks::make_sink("shop", options())->look(); };
  const auto before = look();
  ASSERT_TRUE(before);
  EXPECT_FALSE(before->is);
  EXPECT_EQ(rows_of("SHOW DATABASES LIKE '" + database_ + "'"), "");
  begin();
  write(changes().insert({1, "a", "x"}));
  commit(7);
  const auto after = look();
  ASSERT_TRUE(after && after->is);
  EXPECT_EQ(after->is->epoch, 7u);
  EXPECT_EQ(after->is->pipeline_id, "id-of-shop");
}

TEST_P(StarrocksReaction, CheckTellsColumnsWhoseNamesAreTheServersBeforeThereIsADatabase) {
  const auto schema = starrocks_source(
      "items", {{"id", value_class::int4, "integer"}, {"__OP", value_class::text, "text"}});
  const auto problems = starrocks::make_sink("shop", options())->check({share(route_of(schema))});
  ASSERT_EQ(problems.size(), 1u);
  EXPECT_THAT(problems.front().what(), HasSubstr("keeps the column name `__OP` for itself"));
}

TEST_P(StarrocksReaction, HeadersThatAreTooLongEndThePipelineAndCheckTells) {
  auto columns = std::vector<starrocks_column>{{"id"}};
  for (int i = 100; i < 300; ++i)
    columns.push_back({std::string(200, 'x') + std::to_string(i), value_class::int4, "integer"});
  auto o = options();
  o.starrocks.format = load_format::csv;
  open(o);
  const auto wide = route_of(starrocks_source("wide", columns));
  const auto problems = starrocks::make_sink("shop", o)->check({share(wide)});
  ASSERT_EQ(problems.size(), 1u);
  EXPECT_THAT(problems.front().where(), HasSubstr("wide"));
  EXPECT_THAT(problems.front().remedy(), HasSubstr("http_max_header_size"));
  attach(wide);
  write(changes().insert(row(columns.size(), value(1))));
  const auto e = error_of([&] { commit(1); });
  EXPECT_FALSE(e.transient()) << e.brief();
  EXPECT_THAT(e.remedy(), HasSubstr("http_max_header_size"));
}

TEST_P(StarrocksReaction, CheckTellsAnFeThatCannotBeReached) {
  execute("CREATE DATABASE `" + database_ + "`");
  begin();
  close();
  auto o = options();
  o.starrocks.http = {"127.0.0.1:1"};
  const auto problems = starrocks::make_sink("shop", o)->check({});
  ASSERT_EQ(problems.size(), 1u);
  EXPECT_THAT(problems.front().what(), HasSubstr("no FE can be reached"));
}

TEST_P(StarrocksReaction, CheckTellsAnAddressThatIsNoFe) {
  const auto problem_with = [&](const std::string& address) {
    auto o = options();
    o.starrocks.http = {address};
    // The database is not there yet.
    auto problems = starrocks::make_sink("shop", o)->check({});
    EXPECT_EQ(problems.size(), 1u) << address;
    return problems.empty() ? error(error_kind::bug, "", "", "") : problems.front();
  };
  const auto be = cluster().control("/status").at("ports").at("be0").get<int>();
  EXPECT_THAT(problem_with("127.0.0.1:" + std::to_string(be)).what(), HasSubstr("not JSON"));
  EXPECT_THAT(problem_with("127.0.0.1:" + std::to_string(be)).remedy(), HasSubstr("8030"));
  const auto sql = problem_with(cluster().mysql.front());
  EXPECT_THAT(sql.what(), HasSubstr("does not speak HTTP"));
  EXPECT_THAT(sql.remedy(), HasSubstr("8030"));
}

TEST_P(StarrocksReaction, MoreReplicasThanBesEndTheFirstStartAlone) {
  auto o = options();
  o.starrocks.table.properties.clear();
  const auto first = error_of([&] { open(o); });
  EXPECT_FALSE(first.transient());
  EXPECT_THAT(first.remedy(), HasSubstr("replication_num = \"1\""));
  begin();
  // Later it may as well be a BE that is away.
  open(o);
  auto r = route_of(items());
  r.target = "others";
  const auto later = error_of([&] { attach(r); });
  EXPECT_TRUE(later.transient());
  EXPECT_THAT(later.remedy(), HasSubstr("replication_num = \"1\""));
}

TEST_P(StarrocksReaction, WhatNoRepetitionMendsEndsThePipeline) {
  auto o = options();
  o.starrocks.table.properties["replicaton"] = "x";
  const auto property = error_of([&] { open(o); });
  EXPECT_FALSE(property.transient());
  EXPECT_THAT(property.remedy(), HasSubstr("`properties`"));
  reopen();
  const auto column = error_of([&] {
    attach(route_of(starrocks_source(
        "t", {{"id", value_class::int4, "integer"}, {"x=y", value_class::text, "text"}})));
  });
  EXPECT_FALSE(column.transient());
  EXPECT_THAT(column.remedy(), AllOf(HasSubstr("another name"), HasSubstr("leat resnapshot")));
}

INSTANTIATE_TEST_SUITE_P(Mode, StarrocksReaction,
                         testing::Values(atomicity::epoch, atomicity::table), mode_name);

} // namespace
} // namespace leat::test
