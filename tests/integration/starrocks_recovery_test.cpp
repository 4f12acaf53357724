#include <chrono>
#include <nlohmann/json.hpp>
#include <thread>

#include "tests/integration/starrocks_fixture.hpp"

namespace leat::test {
namespace {

using nlohmann::json;

/// Transactions of a database that may still be committed.
int open_transactions_of(const std::string& database) {
  int open = 0;
  const auto status = starrocks_cluster::shared().control("/status");
  for (const auto& t : status.at("transactions"))
    if (t.at("db") == database && (t.at("state") == "PREPARE" || t.at("state") == "PREPARED"))
      ++open;
  return open;
}

class StarrocksSoftDeletes : public starrocks_both {
 protected:
  void begin_soft() {
    auto r = route_of(items());
    r.removal = delete_mode::soft;
    reopen();
    attach(r);
  }
  std::string flags() {
    return rows_of("SELECT id, name, _leat_deleted FROM " + table("items") + " ORDER BY id");
  }
};

TEST_P(StarrocksSoftDeletes, MarkARowThatTheOpenEpochHasWritten) {
  begin_soft();
  write(changes().insert({1, "a", "x"}).insert({2, "b", "y"}));
  flush();
  write(changes().remove({1, absent, absent}));
  flush();
  commit(1);
  EXPECT_EQ(flags(), "1|a|1 2|b|0");
}

TEST_P(StarrocksSoftDeletes, MarkARowThatCameBackAndWentAgainInOneEpoch) {
  begin_soft();
  write(changes().insert({1, "a", "x"}));
  commit(1);
  write(changes().remove({1, absent, absent}));
  flush();
  write(changes().insert({1, "again", "x"}));
  flush();
  write(changes().remove({1, absent, absent}));
  commit(2);
  EXPECT_EQ(flags(), "1|again|1");
}

TEST_P(StarrocksSoftDeletes, MarkRowsOfAnEpochThatMemoryDoesNotHold) {
  begin_soft();
  const std::string large(900'000, 'x');
  for (int id = 1; id <= 8; ++id) {
    write(changes().insert({id, "a", large}));
    flush();
  }
  write(changes().remove({1, absent, absent}).remove({8, absent, absent}));
  flush();
  write(changes().insert({8, "again", "y"}));
  commit(1);
  EXPECT_EQ(flags(), "1|a|1 2|a|0 3|a|0 4|a|0 5|a|0 6|a|0 7|a|0 8|again|0");
  write(changes().remove({7, absent, absent}));
  commit(2);
  EXPECT_EQ(flags(), "1|a|1 2|a|0 3|a|0 4|a|0 5|a|0 6|a|0 7|a|1 8|again|0");
}

class StarrocksLabels : public starrocks_both {
 protected:
  void SetUp() override {
    if (!cluster().is_double()) GTEST_SKIP() << "steers the double";
  }
  int open_transactions() const { return open_transactions_of(database_); }
};

TEST_P(StarrocksLabels, AnOpenLoadIsEndedThoughTheServerHasForgottenTheOnesBeforeIt) {
  begin();
  for (int restarts = 0; restarts < 6; ++restarts) {
    write(changes().insert({1, "a", "x"}));
    target().prepare();
    cluster().control("/forget", {{"labels", true}});
    // Loads are under way when a flush returns.
    for (int tried = 0; tried < 500 && open_transactions() == 0; ++tried)
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    ASSERT_EQ(open_transactions(), 1);
    restart();
    ASSERT_EQ(open_transactions(), 0) << "after restart " << restarts;
  }
  write(changes().insert({2, "b", "y"}));
  commit(1);
  EXPECT_EQ(items_rows(), "2|b|y");
}

/// A commit lands while a restart asks for it. A follower has heard of what the leader tells when
/// it has done a write.
TEST_P(StarrocksLabels, WhatOneHasCommittedIsReadBehindAWrite) {
  if (GetParam() == atomicity::table) GTEST_SKIP() << "its record is written once they have ended";
  begin();
  write(changes().insert({1, "a", "x"}));
  target().prepare();
  const auto delayed = [](const char* op, const char* seconds) {
    cluster().control("/fault", {{"op", op}, {"phase", "before"}, {"action", seconds}});
  };
  delayed("commit", "delay:2");
  std::thread trouble([&] {
    while (cluster().control("/fault").dump().find("\"struck\":1") == std::string::npos)
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    target().cancel();
  });
  EXPECT_TRUE(error_of([&] { target().commit(progress(1)); }).transient());
  trouble.join();
  delayed("state", "delay:3");
  cluster().remove("/wire");
  restart();
  EXPECT_EQ(held.epoch, 1u);
  EXPECT_EQ(items_rows(), "1|a|x");
  std::string order;
  const auto wire = cluster().control("/wire?since=0").at("wire");
  for (const auto& w : wire) {
    const auto sql = w.value("sql", "");
    if (w.at("op") == "state") order += 's';
    if (sql.starts_with("INSERT") && sql.find("leat_progress`") != sql.npos) order += 'w';
    if (sql.starts_with("SELECT target, pipeline_id, epoch, commit_lsn")) order += 'r';
  }
  EXPECT_NE(order.find("swr"), order.npos) << order;
}

TEST_P(StarrocksLabels, AClaimThatIsNotVisibleYetIsNotTakenForAnotherLeats) {
  begin();
  write(changes().insert({1, "a", "x"}));
  commit(1);
  cluster().control("/quirk", {{"publish_delay", 3}, {"insert_wait", 0}});
  restart();
  EXPECT_EQ(held.epoch, 1u);
  write(changes().insert({2, "b", "y"}));
  commit(2);
  EXPECT_EQ(items_rows(), "1|a|x 2|b|y");
}

TEST_P(StarrocksLabels, ARecordThatWasDroppedDoesNotStopTheLabelsOfItsSuccessor) {
  begin();
  write(changes().insert({1, "a", "x"}));
  commit(1);
  target().forget();
  execute("DROP TABLE " + table("items"));
  begin();
  write(changes().insert({2, "b", "y"}));
  commit(1);
  EXPECT_EQ(items_rows(), "2|b|y");
}

/// The file, or the server's version, has changed when leat starts after a crash.
class StarrocksOtherAtomicity : public starrocks_fixture {
 protected:
  void SetUp() override {
    if (!cluster().is_double()) GTEST_SKIP() << "steers the double";
  }
  int open_transactions() const { return open_transactions_of(database_); }
  /// Two epochs with a row each for `items` and `other`; of the second one the load of `other` is
  /// prepared, that of `items` committed.
  void half_commit() {
    mode_ = atomicity::table;
    begin();
    auto to_other = route_of(items());
    to_other.id = 1;
    to_other.target = "other";
    auto& other = target().attach(share(to_other));
    const auto write_both = [&](const batch_ptr& rows) {
      write(rows);
      other.write(rows, all_changes(*rows));
    };
    write_both(changes().insert({1, "a", "x"}).build());
    commit(1);
    write_both(changes().insert({2, "b", "y"}).build());
    target().prepare();
    const json fault{{"op", "commit"},
                     {"table", "other"},
                     {"phase", "before"},
                     {"action", "close"},
                     {"times", -1}};
    cluster().control("/fault", fault);
    std::jthread crash([&] {
      while (rows_of("SELECT id FROM " + table("items") + " WHERE id = 2") != "2"
             || cluster().control("/fault").at("faults").at(0).at("struck") == 0)
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
      target().cancel();
    });
    error_of([&] { target().commit(progress(2)); });
    crash.join();
    cluster().remove("/fault");
    ASSERT_EQ(open_transactions(), 1);
    mode_ = atomicity::epoch;
  }
  std::string other_rows() { return rows_of("SELECT id FROM " + table("other") + " ORDER BY id"); }
};

TEST_F(StarrocksOtherAtomicity, AnEpochThatWasDecidedTableByTableIsEndedInModeEpoch) {
  half_commit();
  restart();
  EXPECT_EQ(held.epoch, 2u);
  EXPECT_EQ(other_rows(), "1 2");
  EXPECT_EQ(open_transactions(), 0);
  write(changes().insert({3, "c", "z"}));
  commit(3);
  EXPECT_EQ(items_rows(), "1|a|x 2|b|y 3|c|z");
}

TEST_F(StarrocksOtherAtomicity, AnEpochOfWhichATableIsLostIsRepeatedInModeEpoch) {
  half_commit();
  cluster().control("/clock", {{"advance", 100'000}});
  restart();
  EXPECT_EQ(held.epoch, 1u);
  EXPECT_FALSE(held.consistent) << "rows of the second epoch are there";
  EXPECT_EQ(other_rows(), "1");
}

TEST_F(StarrocksOtherAtomicity, ALoadThatAnotherFileHasLeftOpenIsEndedBeforeAnythingIsForgotten) {
  half_commit();
  reopen();
  target().forget();
  EXPECT_EQ(open_transactions(), 0);
}

TEST_F(StarrocksOtherAtomicity, AnOpenLoadOverAllTablesIsEndedInModeTable) {
  begin();
  write(changes().insert({1, "a", "x"}));
  target().prepare();
  for (int tried = 0; tried < 500 && open_transactions() == 0; ++tried)
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  ASSERT_EQ(open_transactions(), 1);
  mode_ = atomicity::table;
  restart();
  EXPECT_EQ(open_transactions(), 0);
  write(changes().insert({2, "b", "y"}));
  commit(1);
  EXPECT_EQ(items_rows(), "2|b|y");
}

/// An epoch that a crash repeats, over rows of it that were committed ahead.
class StarrocksRepeatedEpoch : public starrocks_both {
 protected:
  void change_columns() {
    auto after = *items();
    add_column(after, {"n", value_class::int4, "integer"});
    change_schema(route_of(std::make_shared<const table_schema>(after)));
  }
  std::string told() {
    return rows_of("SELECT consistent FROM " + table("leat_progress") + " WHERE target = '*'");
  }
};

TEST_P(StarrocksRepeatedEpoch, TakesNoCellFromARowThatIsLaterHoweverItIsCut) {
  begin();
  write(changes().insert({1, "a", "one"}));
  commit(1);
  write(changes().begin(140).insert({7, "x", "y"}));
  write(changes().begin(250).update({1, absent, absent}, {2, "a", unchanged}));
  write(changes().begin(260).insert({1, "b", "other"}));
  change_columns();
  EXPECT_EQ(items_rows(), "1|b|other 2|a|one 7|x|y");
  restart();
  EXPECT_EQ(held.epoch, 1u);
  EXPECT_FALSE(held.consistent);
  write(changes().begin(140).insert({7, "x", "y", nullptr}));
  commit(2);
  EXPECT_EQ(told(), "0") << "rows of up to 260 are there";
  write(changes().begin(250).update({1, absent, absent, absent}, {2, "a", unchanged, nullptr}));
  write(changes().begin(260).insert({1, "b", "other", nullptr}));
  EXPECT_EQ(commit(3), (std::vector<std::vector<std::string>>{{"2"}}));
  EXPECT_EQ(items_rows(), "1|b|other 7|x|y");
  EXPECT_EQ(told(), "1");
  write(changes().begin(350).update({1, absent, absent, absent}, {3, "b", unchanged, nullptr}));
  EXPECT_EQ(commit(4), (std::vector<std::vector<std::string>>{}));
  EXPECT_EQ(items_rows(), "3|b|other 7|x|y");
}

TEST_P(StarrocksRepeatedEpoch, IsToldWhenATruncateOfItWentAhead) {
  begin();
  write(changes().insert({1, "a", "one"}));
  commit(1);
  write(changes().begin(150).truncate());
  target().prepare();
  EXPECT_EQ(items_rows(), "");
  restart();
  EXPECT_EQ(held.epoch, 1u);
  EXPECT_FALSE(held.consistent);
  write(changes().begin(150).truncate().insert({2, "b", "two"}));
  commit(2);
  EXPECT_EQ(items_rows(), "2|b|two");
  EXPECT_EQ(told(), "1");
  EXPECT_TRUE(reopen()->consistent);
}

INSTANTIATE_TEST_SUITE_P(Mode, StarrocksRepeatedEpoch,
                         testing::Values(atomicity::epoch, atomicity::table), mode_name);
INSTANTIATE_TEST_SUITE_P(Mode, StarrocksLabels, testing::Values(atomicity::epoch, atomicity::table),
                         mode_name);
INSTANTIATE_TEST_SUITE_P(Mode, StarrocksSoftDeletes,
                         testing::Values(atomicity::epoch, atomicity::table), mode_name);

} // namespace
} // namespace leat::test
