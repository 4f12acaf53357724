#include <gmock/gmock.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <nlohmann/json.hpp>
#include <thread>

#include "plugins/starrocks/load_api.hpp"
#include "plugins/starrocks/progress.hpp"
#include "tests/integration/starrocks_repeat_fixture.hpp"

namespace leat::test {
namespace {

using nlohmann::json;
using testing::AnyOf;
using testing::HasSubstr;
using testing::Not;

/// What a server does wrong is ordered from the double.
class StarrocksFault : public starrocks_repeat_fixture {
 protected:
  void SetUp() override {
    if (!cluster().is_double()) GTEST_SKIP() << "only the double takes orders";
  }
  static void order(const json& fault) { cluster().control("/fault", fault); }
  static json lost_answer(const char* op) {
    return {{"op", op}, {"phase", "after"}, {"action", "close"}};
  }
  static json lost_request(const char* op) {
    return {{"op", op}, {"phase", "before"}, {"action", "close"}};
  }
  void expect_repeat() {
    starrocks_repeat_fixture::expect_repeat([] { cluster().remove("/fault"); });
  }
};

TEST_P(StarrocksFault, ALostAnswerToACommitIsAskedFor) {
  first_row();
  second_row();
  order(lost_answer("commit"));
  commit(2);
  expect_both_rows();
}

TEST_P(StarrocksFault, ALostCommitIsSentAgain) {
  first_row();
  second_row();
  order(lost_request("commit"));
  commit(2);
  expect_both_rows();
}

TEST_P(StarrocksFault, ALoadThatBreaksOffIsRepeatedWithItsEpoch) {
  first_row();
  second_row();
  order({{"op", "load"}, {"phase", "body:10"}, {"action", "reset"}});
  expect_repeat();
}

TEST_P(StarrocksFault, ALostAnswerToALoadRepeatsTheEpoch) {
  first_row();
  second_row();
  order(lost_answer("load"));
  expect_repeat();
}

TEST_P(StarrocksFault, ARedirectThatBreaksOffRepeatsTheEpoch) {
  first_row();
  second_row();
  order({{"node", "fe*"}, {"op", "load"}, {"phase", "after"}, {"action", "half_reply"}});
  expect_repeat();
}

TEST_P(StarrocksFault, ALostAnswerToABeginLeavesNothingBehind) {
  first_row();
  second_row();
  order(lost_answer("begin"));
  expect_repeat();
}

TEST_P(StarrocksFault, BesThatForgetTheirLoadsRepeatTheEpoch) {
  first_row();
  second_row();
  if (GetParam() == atomicity::table) {
    // What is prepared they would know.
    order({{"node", "be*"}, {"op", "prepare"}, {"phase", "headers"}, {"action", "restart"}});
  } else {
    target().prepare();
    cluster().control("/node", {{"be0", "restart"}, {"be1", "restart"}});
  }
  expect_repeat();
}

TEST_P(StarrocksFault, AnFeThatRestartsLosesNothing) {
  first_row();
  second_row();
  target().prepare();
  cluster().control("/node", {{"fe", "restart"}});
  try {
    commit(2);
  } catch (const leat::error& e) {
    EXPECT_TRUE(e.transient()) << e.brief();
    restart();
    if (held.epoch == 1) {
      second_row();
      commit(2);
    }
  }
  expect_both_rows();
}

TEST_P(StarrocksFault, ANewLeaderIsFound) {
  first_row();
  cluster().control("/node", {{"fe", "switch_leader"}});
  restart();
  second_row();
  commit(2);
  expect_both_rows();
  cluster().control("/node", {{"fe", "switch_leader"}});
}

TEST_P(StarrocksFault, ASlowPublishIsWaitedFor) {
  first_row();
  cluster().control("/quirk", {{"publish_delay", 5}});
  std::atomic<bool> done = false;
  std::thread time([&] {
    while (!done) {
      cluster().control("/clock", {{"advance", 1}});
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
    }
  });
  second_row();
  commit(2);
  EXPECT_EQ(items_rows(), "1|a|x 2|b|y");
  cluster().control("/quirk", {{"publish_delay", 0}});
  done = true;
  time.join();
}

TEST_P(StarrocksFault, TooManyVersionsIsSaidAndTriedAgain) {
  first_row();
  second_row();
  order({{"op", "load"}, {"phase", "after"}, {"action", "error:Too many versions. tablet_id: 7"}});
  const auto e = error_of([&] { commit(2); });
  EXPECT_TRUE(e.transient());
  EXPECT_THAT(e.remedy(), HasSubstr("checkpoint.interval"));
}

TEST_P(StarrocksFault, AWrongPasswordEndsItAndIsNotPrinted) {
  auto o = options();
  o.connection["password"] = "s3cret-of-nobody";
  const auto e = error_of([&] { starrocks::make_sink("shop", o)->open(); });
  EXPECT_FALSE(e.transient());
  EXPECT_THAT(e.what(), HasSubstr("user or the password"));
  EXPECT_THAT(e.brief() + e.remedy(), Not(HasSubstr("s3cret")));
}

TEST_P(StarrocksFault, ARowThatTheServerRefusesIsShown) {
  begin();
  execute("DROP TABLE " + table("items"));
  execute("CREATE TABLE " + table("items")
          + " (id INT NOT NULL, name VARCHAR(5) NULL, body VARCHAR(5) NULL) PRIMARY KEY(id) "
            "DISTRIBUTED BY HASH(id) PROPERTIES(\"replication_num\"=\"1\")");
  write(changes().insert({1, "far too long", "x"}));
  const auto e = error_of([&] { commit(1); });
  EXPECT_FALSE(e.transient()) << e.brief();
  EXPECT_THAT(e.what(), HasSubstr("'far too long'"));
  EXPECT_THAT(e.what(), HasSubstr("'name' is 5. In the row with id = 1"));
  EXPECT_EQ(e.where(), database_ + ".items");
}

TEST_P(StarrocksFault, ASecondLeatStopsTheFirst) {
  first_row();
  second_row();
  auto other = starrocks::make_sink("shop", options());
  other->open();
  const auto e = error_of([&] { commit(2); });
  EXPECT_THAT(e.what(), AnyOf(HasSubstr("another leat"), HasSubstr("label")));
  EXPECT_EQ(items_rows(), "1|a|x");
}

TEST_P(StarrocksFault, NoByteOfABodyGoesToAnFe) {
  cluster().remove("/wire");
  first_row();
  second_row();
  commit(2);
  const auto wire = cluster().control("/wire?since=0").at("wire");
  std::size_t loads = 0;
  for (const auto& w : wire) {
    EXPECT_EQ(w.value("stray_body", 0), 0) << w;
    const bool fe = w.at("node").get<std::string>().starts_with("fe");
    if (fe) {
      EXPECT_EQ(w.value("body_bytes", 0), 0) << w;
    }
    loads += w.at("op") == "load" && !fe ? 1 : 0;
  }
  EXPECT_GT(loads, 0u);
}

TEST_P(StarrocksFault, ABeIsReachedWhereTheFileSays) {
  const auto ports = cluster().control("/status").at("ports");
  cluster().control("/quirk",
                    {{"advertise", {{"be0", "10.255.0.1:8040"}, {"be1", "10.255.0.2:8040"}}}});
  auto o = options();
  o.starrocks.be_address = {
      {"10.255.0.1:8040", "127.0.0.1:" + std::to_string(ports.at("be0").get<int>())},
      {"10.255.0.2:8040", "127.0.0.1:" + std::to_string(ports.at("be1").get<int>())}};
  open(o);
  attach_items();
  write(changes().insert({1, "a", "x"}));
  commit(1);
  EXPECT_EQ(items_rows(), "1|a|x");
}

INSTANTIATE_TEST_SUITE_P(Mode, StarrocksFault, testing::Values(atomicity::epoch, atomicity::table),
                         mode_name);

class StarrocksTableMode : public starrocks_fixture {
 protected:
  StarrocksTableMode() { mode_ = atomicity::table; }

  /// The label of the first load after a start, which has ended attempt 0.
  std::string first_label() const { return starrocks::label_of("shop", database_, "items", 0, 1); }
};

TEST_F(StarrocksTableMode, AnEpochThatWasDecidedIsCommittedAfterACrash) {
  begin();
  write(changes().insert({1, "a", "x"}));
  target().prepare();
  starrocks::mysql_client sql(sql_settings());
  starrocks::progress_record record(sql, "shop", database_);
  auto next = progress(4);
  next.last_chunk["items"] = 9;
  record.write_pending({next, {{first_label(), "items"}}});
  restart();
  EXPECT_EQ(held.epoch, 4u);
  EXPECT_EQ(held.last_chunk.at("items"), 9u);
  EXPECT_EQ(items_rows(), "1|a|x");
}

TEST_F(StarrocksTableMode, ADecidedEpochWhoseLoadIsLostIsRepeated) {
  begin();
  starrocks::mysql_client sql(sql_settings());
  starrocks::progress_record record(sql, "shop", database_);
  record.write_pending({progress(4), {{first_label(), "items"}}});
  restart();
  EXPECT_EQ(held.epoch, 0u);
  write(changes().insert({1, "a", "x"}));
  commit(1);
  EXPECT_EQ(items_rows(), "1|a|x");
}

} // namespace
} // namespace leat::test
