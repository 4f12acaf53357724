#include <gmock/gmock.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "plugins/starrocks/http_client.hpp"
#include "plugins/starrocks/load_api.hpp"
#include "tests/integration/starrocks_fixture.hpp"

namespace leat::test {
namespace {

using testing::AllOf;
using testing::HasSubstr;

/// A table whose column `name` holds five bytes, behind the back of leat, which takes it for a wide
/// one.
class StarrocksDeadLetters : public starrocks_both {
 protected:
  sink_options options() const override {
    auto o = starrocks_both::options();
    o.dead_letter = "leat_dead_letter";
    o.starrocks.format = format_;
    o.starrocks.compression = compression_;
    return o;
  }
  void begin_narrow() {
    begin();
    narrow();
  }
  void narrow() { narrow("items", "id INT NOT NULL, name VARCHAR(5) NULL, body VARCHAR(99) NULL"); }
  void narrow(const std::string& name, const std::string& columns) {
    execute("DROP TABLE " + table(name));
    execute("CREATE TABLE " + table(name) + " (" + columns
            + ") PRIMARY KEY(id) DISTRIBUTED BY HASH(id) "
              "PROPERTIES(\"replication_num\"=\"1\")");
  }
  /// Rows first..last; those of `bad` do not fit.
  batch_builder rows(int first, int last, const std::vector<int>& bad) {
    auto b = changes();
    for (int i = first; i <= last; ++i)
      b.insert({i, std::count(bad.begin(), bad.end(), i) != 0 ? "too long by far" : "fits", "x"});
    return b;
  }
  std::string ids() { return rows_of("SELECT id FROM " + table("items") + " ORDER BY id"); }
  std::string letters() {
    return rows_of("SELECT target, `key`, reason, `row` FROM " + table("leat_dead_letter")
                   + " ORDER BY CAST(`key` AS VARCHAR)");
  }
  std::string letter_keys() {
    return rows_of("SELECT `key` FROM " + table("leat_dead_letter")
                   + " ORDER BY CAST(`key` AS VARCHAR)");
  }

  load_format format_ = load_format::json;
  load_compression compression_ = load_compression::none;
};

TEST_P(StarrocksDeadLetters, TakeTheRowsThatTheServerRefusesAndTheRestIsLoaded) {
  begin_narrow();
  write(rows(1, 9, {4, 7}));
  commit(1);
  EXPECT_EQ(ids(), "1 2 3 5 6 8 9");
  EXPECT_THAT(letters(),
              AllOf(HasSubstr("items|{\"id\": \"4\"}|String 'too long by far'(length=15) is too "
                              "long. The max length of 'name' is 5|{"),
                    HasSubstr("\"name\": \"too long by far\""), HasSubstr("\"body\": \"x\""),
                    HasSubstr("items|{\"id\": \"7\"}|")));
  write(rows(10, 11, {}));
  commit(2);
  EXPECT_EQ(ids(), "1 2 3 5 6 8 9 10 11");
  EXPECT_EQ(reopen()->epoch, 2u);
}

TEST_P(StarrocksDeadLetters, SendARowAtMostLog2Times) {
  if (!cluster().is_double()) GTEST_SKIP() << "only the double tells what it was sent";
  begin_narrow();
  write(rows(1, 64, {23}));
  cluster().remove("/wire");
  commit(1);
  std::size_t loads = 0;
  const auto wire = cluster().control("/wire?since=0").at("wire");
  for (const auto& w : wire)
    loads += w.at("op") == "load" && w.at("table") == "items"
                     && w.at("node").get<std::string>().starts_with("be")
                 ? 1
                 : 0;
  // All of them, to be refused; one trial of all and two a halving; and what is left.
  EXPECT_LE(loads, 1u + 1u + 2u * 6u + 1u);
  EXPECT_EQ(letter_keys(), "{\"id\": \"23\"}");
}

TEST_P(StarrocksDeadLetters, OfAnEpochInSeveralFlushesAndTables) {
  begin_narrow();
  auto other = route_of(items());
  other.id = 1;
  other.target = "other";
  auto& first = route_writer();
  const auto write_first = [&](batch_builder b) {
    const auto made = b.build();
    first.write(made, all_changes(*made));
  };
  attach(other);
  narrow("other", "id INT NOT NULL, name VARCHAR(5) NULL, body VARCHAR(99) NULL");
  write(rows(1, 3, {2}));
  flush();
  write(rows(4, 6, {5}));
  write_first(rows(1, 3, {}));
  first.flush();
  write_first(rows(4, 6, {6}));
  commit(1);
  EXPECT_EQ(ids(), "1 2 3 4 5");
  EXPECT_EQ(rows_of("SELECT id FROM " + table("other") + " ORDER BY id"), "1 3 4 6");
  EXPECT_EQ(letter_keys(), "{\"id\": \"2\"} {\"id\": \"5\"} {\"id\": \"6\"}");
}

TEST_P(StarrocksDeadLetters, LeaveAnEpochOfBadRowsAloneEmpty) {
  begin_narrow();
  write(rows(1, 2, {1, 2}));
  commit(1);
  EXPECT_EQ(ids(), "");
  EXPECT_EQ(letter_keys(), "{\"id\": \"1\"} {\"id\": \"2\"}");
  EXPECT_EQ(reopen()->epoch, 1u);
}

TEST_P(StarrocksDeadLetters, AreThereOnceAfterACrashBeforeTheCommit) {
  begin_narrow();
  write(rows(1, 3, {2}));
  target().prepare();
  restart();
  EXPECT_EQ(held.epoch, 0u);
  EXPECT_EQ(ids(), "");
  execute("DROP TABLE " + table("items"));
  begin_narrow();
  write(rows(1, 3, {2}));
  commit(1);
  EXPECT_EQ(ids(), "1 3");
  EXPECT_EQ(letter_keys(), "{\"id\": \"2\"}");
}

TEST_P(StarrocksDeadLetters, TakeAValueThatNoColumnOfTheTypeHolds) {
  reopen();
  attach(route_of(starrocks_source(
      "items", {{"id", value_class::int4, "integer"}, {"at", value_class::date, "date"}})));
  write(changes().insert({1, "infinity"}).insert({2, "2024-02-29"}));
  commit(1);
  EXPECT_EQ(rows_of("SELECT id, at FROM " + table("items")), "2|2024-02-29");
  EXPECT_THAT(letters(), HasSubstr("items|{\"id\": \"1\"}|column at has an infinity"));
}

TEST_P(StarrocksDeadLetters, TakeAKeyThatIsTooLong) {
  reopen();
  attach(route_of(starrocks_source("items", {{"id", value_class::text, "text"}})));
  write(changes().insert({std::string(200, 'k')}).insert({"short"}));
  commit(1);
  EXPECT_EQ(ids(), "short");
  EXPECT_THAT(letters(), HasSubstr("primary key size exceed the limit"));
}

TEST_P(StarrocksDeadLetters, KeepWhatTheTargetHadUnderTheKey) {
  begin_narrow();
  write(rows(1, 2, {}));
  commit(1);
  write(changes()
            .update({1, "too long by far", "y"})
            .remove({2, absent, absent})
            .insert({2, "too long by far", "z"}));
  commit(2);
  EXPECT_EQ(items_rows(), "1|fits|x 2|fits|x");
  write(changes().update({1, "good", "y"}));
  commit(3);
  EXPECT_EQ(items_rows(), "1|good|y 2|fits|x");
}

TEST_P(StarrocksDeadLetters, ARowIsNotCompletedWithCellsThatAreOlderThanALetter) {
  using keys = std::vector<std::vector<std::string>>;
  begin_narrow();
  write(rows(1, 3, {}));
  commit(1);
  write(changes().update({1, "too long by far", "y"}).update({2, "too long by far", "y"}));
  commit(2);
  EXPECT_EQ(items_rows(), "1|fits|x 2|fits|x 3|fits|x");
  for (const bool spills : {false, true}) {
    write(changes().update({1, "good", unchanged}).update({3, "good", unchanged}));
    if (spills) flush();
    EXPECT_EQ(commit_next(), keys{{"1"}});
    EXPECT_EQ(items_rows(), "1|fits|x 2|fits|x 3|good|x") << "1 is read from the source";
  }
  write(changes().update({2, absent, absent}, {4, "good", unchanged}));
  EXPECT_EQ(commit_next(), keys{{"4"}});
  write(rows(1, 1, {}).update({3, "again", unchanged}));
  EXPECT_EQ(commit_next(), keys{});
  EXPECT_EQ(items_rows(), "1|fits|x 3|again|x");
}

TEST_P(StarrocksDeadLetters, AreRememberedByTheNextProcess) {
  using keys = std::vector<std::vector<std::string>>;
  reopen();
  attach(route_of(starrocks_source("items", {{"id", value_class::int4, "integer"},
                                             {"at", value_class::date, "date"},
                                             {"body", value_class::text, "text"}})));
  write(changes().insert({1, "2024-02-29", "x"}).insert({2, "2024-02-29", "x"}));
  commit(1);
  write(changes().update({1, "infinity", "y"}));
  commit(2);
  restart();
  write(changes().update({1, "2025-01-01", unchanged}).update({2, "2025-01-01", unchanged}));
  EXPECT_EQ(commit(3), keys{{"1"}});
  EXPECT_EQ(rows_of("SELECT id, at, body FROM " + table("items") + " ORDER BY id"),
            "1|2024-02-29|x 2|2025-01-01|x");
}

TEST_P(StarrocksDeadLetters, AreFoundBeforeAStatementToo) {
  begin_narrow();
  write(rows(1, 3, {3}));
  auto after = *items();
  after.columns.erase(after.columns.begin() + 2);
  change_schema(route_of(std::make_shared<const table_schema>(after)));
  commit(1);
  EXPECT_EQ(ids(), "1 2");
  EXPECT_EQ(letter_keys(), "{\"id\": \"3\"}");
}

TEST_P(StarrocksDeadLetters, NameTheChangeInModeAppend) {
  auto r = route_of(items());
  r.mode = route_mode::append;
  reopen();
  attach(r);
  execute("ALTER TABLE " + table("items") + " DROP COLUMN name");
  execute("ALTER TABLE " + table("items") + " ADD COLUMN name VARCHAR(5) NULL");
  write(changes().begin(256).insert({1, "fits", "x"}).insert({2, "too long by far", "x"}));
  commit(1);
  EXPECT_EQ(rows_of("SELECT id FROM " + table("items")), "1");
  EXPECT_EQ(rows_of("SELECT commit_lsn, seq FROM " + table("leat_dead_letter")), "0/100|1");
}

TEST_P(StarrocksDeadLetters, AreTheSameInCompressedCsv) {
  format_ = load_format::csv;
  compression_ = load_compression::lz4;
  begin_narrow();
  write(rows(1, 9, {4, 7}));
  commit(1);
  EXPECT_EQ(ids(), "1 2 3 5 6 8 9");
  EXPECT_EQ(letter_keys(), "{\"id\": \"4\"} {\"id\": \"7\"}");
}

TEST_P(StarrocksDeadLetters, LeaveNoTrialOpen) {
  if (!cluster().is_double()) GTEST_SKIP() << "only the double tells of all transactions";
  begin_narrow();
  write(rows(1, 8, {3}));
  commit(1);
  const auto status = cluster().control("/status");
  for (const auto& t : status.at("transactions"))
    if (t.at("db") == database_) {
      EXPECT_TRUE(t.at("state") == "VISIBLE" || t.at("state") == "ABORTED") << t;
    }
}

TEST_P(StarrocksDeadLetters, ATrialThatACrashHasLeftOpenIsEnded) {
  begin();
  target().prepare(); // from here on a restart knows that the table is this pipeline's
  starrocks::http_settings settings;
  settings.frontends = cluster().http;
  settings.user = cluster().user;
  settings.password = cluster().password;
  starrocks::http_client http(settings);
  starrocks::load_api api(http, database_);
  const starrocks::load_name trial{starrocks::label_of("shop", database_, "items", 0, 0), "items"};
  ASSERT_TRUE(api.begin(trial).ok());
  ASSERT_TRUE(api.load(trial, "items", {{"format", "json"}}, "{\"id\": 1}\n").ok());
  ASSERT_TRUE(api.prepare(trial).ok());
  restart();
  EXPECT_EQ(api.state(trial.label), starrocks::load_state::aborted);
  EXPECT_EQ(ids(), "");
}

INSTANTIATE_TEST_SUITE_P(Mode, StarrocksDeadLetters,
                         testing::Values(atomicity::epoch, atomicity::table), mode_name);

} // namespace
} // namespace leat::test
