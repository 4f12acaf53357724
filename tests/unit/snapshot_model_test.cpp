#include "tests/support/snapshot_model.hpp"

#include <gtest/gtest.h>

#include <cstdlib>

namespace leat::model {
namespace {

// LEAT_MODEL_SEEDS=n runs n histories, LEAT_MODEL_FIRST=s from seed s; LEAT_TEST_FULL makes
// it 300,000.
std::uint64_t from_environment(const char* name, std::uint64_t otherwise) {
  const char* text = std::getenv(name);
  return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

TEST(SnapshotModel, TargetsEqualTheSourceOnceTheStreamHasPassedEveryChunk) {
  const auto first = from_environment("LEAT_MODEL_FIRST", 1);
  const auto seeds = from_environment("LEAT_MODEL_SEEDS",
                                      std::getenv("LEAT_TEST_FULL") != nullptr ? 300'000 : 20'000);
  history::counts total;
  for (auto seed = first; seed < first + seeds; ++seed) {
    history h(seed, {});
    const auto failure = h.run();
    ASSERT_FALSE(failure.has_value()) << "seed " << seed << ": " << *failure;
    total.admitted += h.seen().admitted;
    total.rejected += h.seen().rejected;
    total.rows_dropped += h.seen().rows_dropped;
    total.ahead += h.seen().ahead;
    total.source_crashes += h.seen().source_crashes;
  }
  EXPECT_GT(total.admitted, seeds);
  EXPECT_GT(total.rejected, seeds / 100);
  EXPECT_GT(total.rows_dropped, seeds / 10);
  EXPECT_GT(total.ahead, seeds / 20);
  EXPECT_GT(total.source_crashes, seeds / 20);
}

struct broken_rule {
  const char* name;
  bool rules::*rule;
};

class SnapshotModelWithout : public testing::TestWithParam<broken_rule> {};

TEST_P(SnapshotModelWithout, IsCaught) {
  rules broken;
  broken.*GetParam().rule = false;
  constexpr std::uint64_t enough = 20'000;
  std::uint64_t seed = 1;
  while (seed <= enough && !history(seed, broken).run()) ++seed;
  EXPECT_LE(seed, enough) << "no history noticed that the rule was off";
  RecordProperty("seed", std::to_string(seed));
}

INSTANTIATE_TEST_SUITE_P(
    Rule, SnapshotModelWithout,
    testing::Values(broken_rule{"MemoryBeforeTheWindow", &rules::remembers_before_window},
                    broken_rule{"MemoryInTheWindow", &rules::remembers_in_window},
                    broken_rule{"TruncateTouchingAllKeys", &rules::truncate_touches_all},
                    broken_rule{"OldKeyOfAMove", &rules::move_touches_old_key},
                    broken_rule{"KeyOfADelete", &rules::remove_touches},
                    broken_rule{"WindowBeforeTheSnapshot", &rules::opens_before_snapshot},
                    broken_rule{"RejectionAfterOverflow", &rules::overflow_rejects},
                    broken_rule{"Fence", &rules::waits_for_fence},
                    broken_rule{"RestoredKeys", &rules::restores_touched},
                    broken_rule{"WaitForHigh", &rules::waits_for_high},
                    broken_rule{"WaitForTheForemostTarget", &rules::waits_for_foremost},
                    broken_rule{"TruncatedCheckpoints", &rules::truncates_checkpoints},
                    broken_rule{"EpochsSpentOnce", &rules::spends_epochs_once},
                    broken_rule{"SparedConsistentTargets", &rules::spares_consistent_targets},
                    broken_rule{"ApplyingWhatChunksHold", &rules::applies_what_chunks_hold},
                    broken_rule{"WordOfASourceCrash", &rules::hears_of_source_crash},
                    broken_rule{"SweptOldRows", &rules::sweeps_old_rows}),
    [](const auto& test) { return std::string(test.param.name); });

} // namespace
} // namespace leat::model
