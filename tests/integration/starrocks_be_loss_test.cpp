#include <gmock/gmock.h>

#include <chrono>
#include <nlohmann/json.hpp>
#include <thread>

#include "tests/integration/starrocks_repeat_fixture.hpp"

namespace leat::test {
namespace {

using nlohmann::json;

/// A BE goes, with its memory, in each state of a load. The FE knows it at once unless told
/// otherwise.
class StarrocksBeLoss : public starrocks_repeat_fixture {
 protected:
  void SetUp() override {
    if (!cluster().is_double()) GTEST_SKIP() << "only the double takes orders";
  }
  void TearDown() override {
    if (!cluster().is_double()) return;
    cluster().remove("/quirk");
    bring_back();
  }

  bool prepares() const { return mode_ == atomicity::table; }
  static void crash(const std::string& node) { cluster().control("/node", {{node, "crash"}}); }
  static void crash_all() { cluster().control("/node", {{"be0", "crash"}, {"be1", "crash"}}); }
  static void bring_back() { cluster().control("/node", {{"be0", "start"}, {"be1", "start"}}); }
  static void crash_at(const char* op, const char* phase) {
    cluster().control("/fault",
                      {{"node", "be*"}, {"op", op}, {"phase", phase}, {"action", "crash"}});
  }

  /// An epoch is committed, and the next one has a row.
  void open_epoch() {
    first_row();
    cluster().remove("/wire");
    second_row();
  }
  /// The BE that has taken a load since the epoch was opened; waits for one.
  static std::string be_of_load() {
    while (true) {
      const auto wire = cluster().control("/wire?since=0").at("wire");
      for (const auto& w : wire) {
        const auto node = w.at("node").get<std::string>();
        if (w.at("op") == "load" && w.at("status") == 200 && node.starts_with("be")) return node;
      }
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
  }
  void wait_for_state(const char* state) const {
    while (true) {
      const auto all = cluster().control("/status").at("transactions");
      for (const auto& t : all)
        if (t.at("db") == database_ && t.at("state") == state) return;
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
  }
  void expect_repeat() { starrocks_repeat_fixture::expect_repeat(bring_back); }
};

TEST_P(StarrocksBeLoss, BeforeABeginTheOthersTakeTheLoad) {
  open_epoch();
  crash("be0");
  commit(2);
  bring_back();
  expect_both_rows();
}

TEST_P(StarrocksBeLoss, OfAllBeforeABeginRepeatsTheEpoch) {
  open_epoch();
  crash_all();
  expect_repeat();
}

TEST_P(StarrocksBeLoss, ThatTheFeHasNotNoticedRepeatsTheEpoch) {
  open_epoch();
  cluster().control("/quirk", {{"loss_unnoticed_seconds", 3600}});
  crash_all();
  expect_repeat();
}

TEST_P(StarrocksBeLoss, BetweenBeginAndLoadRepeatsTheEpoch) {
  open_epoch();
  crash_at("load", "headers");
  expect_repeat();
}

TEST_P(StarrocksBeLoss, AmidTheBodyOfALoadRepeatsTheEpoch) {
  open_epoch();
  crash_at("load", "body:10");
  expect_repeat();
}

TEST_P(StarrocksBeLoss, WithALoadThatIsNotPreparedRepeatsTheEpoch) {
  open_epoch();
  if (prepares()) {
    crash_at("prepare", "headers");
  } else {
    target().prepare();
    crash(be_of_load());
  }
  expect_repeat();
}

TEST_P(StarrocksBeLoss, OutlivedByAPreparedLoadWhereThereIsOne) {
  if (!prepares()) GTEST_SKIP() << "transactions over several tables are not prepared";
  open_epoch();
  target().prepare();
  crash(be_of_load());
  target().commit(progress(2));
  bring_back();
  expect_both_rows();
}

TEST_P(StarrocksBeLoss, WhileACommitIsPublishedIsWaitedFor) {
  open_epoch();
  cluster().control("/quirk", {{"stuck_publish", true}});
  std::thread trouble([&] {
    wait_for_state("COMMITTED");
    crash(be_of_load());
    bring_back();
    cluster().control("/quirk", {{"stuck_publish", false}});
  });
  commit(2);
  trouble.join();
  expect_both_rows();
}

TEST_P(StarrocksBeLoss, WithACommitThatIsNotPublishedDoesNotKeepACancelledSink) {
  open_epoch();
  cluster().control("/quirk", {{"stuck_publish", true}});
  std::thread trouble([&] {
    wait_for_state("COMMITTED");
    crash_all();
    target().cancel();
  });
  target().prepare();
  const auto begun = std::chrono::steady_clock::now();
  EXPECT_TRUE(error_of([&] { target().commit(progress(2)); }).transient());
  EXPECT_LT(std::chrono::steady_clock::now() - begun, std::chrono::seconds(10));
  trouble.join();
}

INSTANTIATE_TEST_SUITE_P(Mode, StarrocksBeLoss, testing::Values(atomicity::epoch, atomicity::table),
                         mode_name);

} // namespace
} // namespace leat::test
