#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>

#include "tests/simulation/history.hpp"
#include "tests/support/temp_directory.hpp"

namespace leat::sim {
namespace {

// LEAT_SIM_SEEDS=n runs n histories of each kind, LEAT_SIM_FIRST=s from seed s.
std::uint64_t from_environment(const char* name, std::uint64_t otherwise) {
  const char* text = std::getenv(name);
  return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

std::uint64_t seeds() {
  return from_environment("LEAT_SIM_SEEDS", std::getenv("LEAT_TEST_FULL") ? 100'000 : 3'000);
}

class Simulation : public testing::Test {
 protected:
  /// Every call between leat and what outlives it, that failed in some history.
  std::set<std::string> failed_;
  history::counts total_;

  void run_all(history::trouble t, std::uint64_t count = seeds()) {
    const auto first = from_environment("LEAT_SIM_FIRST", 1);
    for (auto seed = first; seed < first + count; ++seed) {
      history h(seed, t, scratch_.path());
      const auto problem = h.run();
      ASSERT_FALSE(problem.has_value()) << "seed " << seed << ": " << *problem;
      failed_.insert(h.failed_steps().begin(), h.failed_steps().end());
      total_.transactions += h.seen().transactions;
      total_.lives += h.seen().lives;
      total_.kills += h.seen().kills;
      total_.messages += h.seen().messages;
      total_.edits += h.seen().edits;
      total_.alterations += h.seen().alterations;
    }
  }

 private:
  test::temp_directory scratch_;
};

TEST_F(Simulation, EveryInterleavingEndsWithTheSourcesRowsAtEveryTarget) {
  run_all({.failures = false});
  EXPECT_EQ(total_.lives, seeds());
  EXPECT_GT(total_.transactions, 10 * seeds());
  EXPECT_GT(total_.messages, 100 * seeds());
}

TEST_F(Simulation, WhateverDiesAtWhateverStepEachChangeArrivesExactlyOnce) {
  run_all({.failures = true});
  EXPECT_GT(total_.lives, 2 * seeds());
  EXPECT_GT(total_.kills, seeds() / 4);
  EXPECT_GT(total_.edits, seeds() / 4);
  EXPECT_GT(total_.alterations, seeds() / 4);
  for (const char* step : {"state: before a checkpoint",
                           "state: after a checkpoint",
                           "state: after missing rows",
                           "state: before forgetting",
                           "operators: before a write",
                           "operators: after a write",
                           "operators: before a synced write",
                           "operators: after a synced write",
                           "sink: before opening",
                           "sink: before attaching",
                           "sink: before a write",
                           "sink: after a write",
                           "sink: after a snapshot's begin",
                           "sink: after a snapshot's end",
                           "sink: before preparing",
                           "sink: after preparing",
                           "sink: before a commit",
                           "sink: after a commit",
                           "reader: probe",
                           "reader: plan",
                           "reader: chunk",
                           "reader: keys",
                           "source: before the slot",
                           "source: after the slot"})
    EXPECT_THAT(failed_, testing::Contains(step));
}

TEST_F(Simulation, TargetsThatAreAheadAndRoutesThatBeginFollowColumnsThatChange) {
  run_all({.columns = true}, seeds() / 3);
  EXPECT_GT(total_.lives, seeds());
  EXPECT_GT(total_.edits, seeds() / 3);
  EXPECT_GT(total_.alterations, seeds() / 3);
}

TEST_F(Simulation, TheSameSeedGivesTheSameHistory) {
  const auto messages = [&](std::uint64_t seed) {
    test::temp_directory scratch;
    history h(seed, {}, scratch.path());
    EXPECT_EQ(h.run(), std::nullopt);
    return h.seen().messages;
  };
  for (std::uint64_t seed = 1; seed < 20; ++seed) EXPECT_EQ(messages(seed), messages(seed));
}

} // namespace
} // namespace leat::sim
