#include <gmock/gmock.h>

#include <atomic>
#include <chrono>
#include <nlohmann/json.hpp>
#include <thread>

#include "tests/integration/starrocks_repeat_fixture.hpp"

namespace leat::test {
namespace {

using nlohmann::json;

/// What FEs keep of a transaction goes while leat is running: their memory, with a new leader, or
/// the label.
class StarrocksForgetfulFe : public starrocks_repeat_fixture {
 protected:
  void SetUp() override {
    if (!cluster().is_double()) GTEST_SKIP() << "only the double takes orders";
  }
  void TearDown() override {
    // What other tests expect.
    if (cluster().is_double() && leader() != "fe") switch_leader();
  }

  static std::string leader() { return cluster().control("/status").at("leader"); }
  static void switch_leader() { cluster().control("/node", {{"fe", "switch_leader"}}); }
  static void forget_labels() { cluster().control("/forget", {{"labels", true}}); }

  /// An epoch is committed, and the next one has a row.
  void open_epoch() {
    first_row();
    cluster().control("/quirk", {{"record_commits", true}});
    before_ = commits().size();
    second_row();
  }
  /// Orders a pause where the fault says, and does that meanwhile.
  template <class Act>
  static std::jthread meanwhile(json fault, const Act& act) {
    fault["action"] = "delay:0.5";
    const auto id = cluster().control("/fault", fault).at("id");
    return std::jthread([id, act](const std::stop_token& stop) {
      while (!stop.stop_requested()) {
        const auto ordered = cluster().control("/fault").at("faults");
        for (const auto& f : ordered)
          if (f.at("id") == id && f.at("struck") == 1) return act();
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
      }
    });
  }
  /// As the engine does: an epoch that failed for now is begun again, unless it turns out to be
  /// there.
  void commit_second() {
    try {
      target().commit(progress(2));
    } catch (const leat::error& e) {
      EXPECT_TRUE(e.transient()) << e.brief();
      restart();
      if (held.epoch == 2) return;
      second_row();
      commit(2);
    }
  }
  static json commits() { return cluster().control("/commits?table=items").at("commits"); }
  /// How many commits have brought the second row.
  std::size_t commits_of_second() const {
    std::size_t count = 0;
    const auto all = commits();
    for (auto i = before_; i < all.size(); ++i)
      for (const auto& row : all[i].at("tables").at("items")) count += row.at("id") == "2" ? 1 : 0;
    return count;
  }
  void expect_once() {
    expect_both_rows();
    EXPECT_EQ(commits_of_second(), 1u);
  }

 private:
  std::size_t before_ = 0; ///< commits ahead of the second epoch
};

TEST_P(StarrocksForgetfulFe, ANewLeaderBetweenPrepareAndCommitCommitsWhatIsPreparedOnce) {
  open_epoch();
  target().prepare();
  switch_leader();
  commit_second();
  expect_once();
}

TEST_P(StarrocksForgetfulFe, ANewLeaderBeforeACommitArrivesLeavesTheEpochOnce) {
  open_epoch();
  target().prepare();
  const auto trouble = meanwhile({{"op", "commit"}, {"phase", "headers"}}, [] { switch_leader(); });
  commit_second();
  expect_once();
}

TEST_P(StarrocksForgetfulFe, ANewLeaderBehindACommitLeavesTheEpochOnce) {
  open_epoch();
  target().prepare();
  const auto trouble = meanwhile({{"op", "commit"}, {"phase", "after"}}, [] { switch_leader(); });
  commit_second();
  expect_once();
}

TEST_P(StarrocksForgetfulFe, ALabelThatIsForgottenBehindItsCommitIsResolvedAtTheProgressRow) {
  open_epoch();
  target().prepare();
  const auto trouble = meanwhile({{"op", "commit"}, {"phase", "after"}}, [] { forget_labels(); });
  commit_second();
  expect_both_rows();
  if (mode_ == atomicity::epoch) {
    // Rows and row of progress are one transaction.
    EXPECT_EQ(commits_of_second(), 1u);
  }
}

TEST_P(StarrocksForgetfulFe, ALabelThatIsForgottenBeforeItsCommitRepeatsTheEpoch) {
  open_epoch();
  target().prepare();
  // A day and more: what is open or prepared is given up.
  cluster().control("/clock", {{"advance", 90'000}});
  forget_labels();
  commit_second();
  expect_once();
}

INSTANTIATE_TEST_SUITE_P(Mode, StarrocksForgetfulFe,
                         testing::Values(atomicity::epoch, atomicity::table), mode_name);

} // namespace
} // namespace leat::test
