#include "dataflow/restart_point.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "dataflow/error.hpp"

namespace leat {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

constexpr const char* pipeline = "0123456789abcdef";

/// Checkpoints that nobody adds to.
class kept_checkpoints : public state_store {
 public:
  /// A checkpoint, and the last epoch up to it in which each sink commits.
  kept_checkpoints& add(epoch_id epoch, std::map<std::string, epoch_id> sinks) {
    auto& c = kept_[epoch];
    c.epoch = epoch;
    c.sink_epochs = std::move(sinks);
    return *this;
  }
  std::optional<pipeline_identity> identity() const override { return std::nullopt; }
  void set_identity(const pipeline_identity&) override {}
  std::vector<epoch_id> epochs() const override {
    std::vector<epoch_id> out;
    for (const auto& [epoch, c] : kept_) out.push_back(epoch);
    return out;
  }
  std::optional<checkpoint> load(epoch_id epoch) const override { return kept_.at(epoch); }
  void save(const checkpoint&) override {}
  void add_missing(epoch_id, const missing_keys&) override {}
  std::uint64_t ask_resnapshot(oid) override { return 0; }
  std::vector<resnapshot_request> resnapshots() const override { return {}; }
  void forget_resnapshots(const std::vector<std::uint64_t>&) override {}
  void prune(epoch_id) override {}

 private:
  std::map<epoch_id, checkpoint> kept_;
};

target_stand at(const std::string& sink, epoch_id epoch, const std::string& id = pipeline) {
  target_progress p;
  p.pipeline_id = id;
  p.epoch = epoch;
  return {sink, true, p};
}
target_stand empty(const std::string& sink) { return {sink, true, std::nullopt}; }
target_stand forgetful(const std::string& sink) { return {sink, false, std::nullopt}; }

error refusal(const state_store& store, const std::vector<target_stand>& targets) {
  try {
    find_restart_point(store, pipeline, targets);
  } catch (const error& e) {
    return e;
  }
  return {error_kind::bug, "it was not refused", "", ""};
}

TEST(RestartPoint, IsNothingForAPipelineThatNeverRan) {
  const auto point = find_restart_point(kept_checkpoints(), pipeline, {empty("a")});
  EXPECT_FALSE(point.from);
  EXPECT_EQ(point.last_epoch, 0u);
}

TEST(RestartPoint, IsTheNewestCheckpointWhenEveryTargetHasReachedIt) {
  kept_checkpoints store;
  store.add(3, {{"a", 3}, {"b", 3}}).add(4, {{"a", 4}, {"b", 4}});
  EXPECT_EQ(find_restart_point(store, pipeline, {at("a", 4), at("b", 4)}).from->epoch, 4u);
}

TEST(RestartPoint, IsTheOneThatTheRearmostTargetNames) {
  kept_checkpoints store;
  store.add(3, {{"a", 3}, {"b", 3}}).add(4, {{"a", 4}, {"b", 4}});
  const auto point = find_restart_point(store, pipeline, {at("a", 4), at("b", 3)});
  EXPECT_EQ(point.from->epoch, 3u);
  EXPECT_EQ(point.last_epoch, 4u);
}

TEST(RestartPoint, CountsATargetThatHadNothingToCommitAsCommitted) {
  kept_checkpoints store;
  store.add(3, {{"a", 3}, {"b", 1}}).add(4, {{"a", 4}, {"b", 1}});
  EXPECT_EQ(find_restart_point(store, pipeline, {at("a", 4), at("b", 1)}).from->epoch, 4u);
}

TEST(RestartPoint, DoesNotAskATargetThatKeepsNoProgress) {
  kept_checkpoints store;
  store.add(4, {{"a", 4}, {"hole", 4}});
  EXPECT_EQ(find_restart_point(store, pipeline, {at("a", 4), forgetful("hole")}).from->epoch, 4u);
}

TEST(RestartPoint, TakesATargetThatNeverCommitted) {
  kept_checkpoints store;
  store.add(0, {{"a", 0}}).add(1, {{"a", 1}});
  EXPECT_EQ(find_restart_point(store, pipeline, {empty("a")}).from->epoch, 0u);
}

TEST(RestartPoint, NamesSinksThatWent) {
  kept_checkpoints store;
  store.add(4, {{"a", 4}, {"gone", 2}});
  const auto point = find_restart_point(store, pipeline, {at("a", 4), empty("new")});
  EXPECT_EQ(point.from->epoch, 4u);
  EXPECT_THAT(point.removed_sinks, ElementsAre("gone"));
}

TEST(RestartPoint, RefusesATargetWhoseProgressWasDeleted) {
  kept_checkpoints store;
  store.add(4, {{"a", 4}, {"b", 4}});
  const auto e = refusal(store, {at("a", 4), empty("b")});
  EXPECT_EQ(e.kind(), error_kind::sink);
  EXPECT_THAT(e.what(), HasSubstr("has no progress record, and had one"));
  EXPECT_EQ(e.where(), "sink b");
  EXPECT_THAT(e.remedy(), HasSubstr("leat drop"));
}

TEST(RestartPoint, RefusesATargetThatWasRestoredFromABackup) {
  kept_checkpoints store;
  store.add(4, {{"a", 4}});
  const auto e = refusal(store, {at("a", 2)});
  EXPECT_EQ(e.kind(), error_kind::sink);
  EXPECT_THAT(e.what(), HasSubstr("it stands at epoch 2, and was at 4 or later"));
  EXPECT_EQ(e.where(), "sink a");
}

TEST(RestartPoint, RefusesAStateThatWasRestoredFromABackup) {
  kept_checkpoints store;
  store.add(4, {{"a", 4}});
  const auto e = refusal(store, {at("a", 9)});
  EXPECT_EQ(e.kind(), error_kind::state);
  EXPECT_THAT(e.what(), HasSubstr("newest checkpoint is 4, the target stands at 9"));
  EXPECT_THAT(e.remedy(), HasSubstr("restored from an older backup"));
}

TEST(RestartPoint, RefusesATargetOfAnotherPipeline) {
  kept_checkpoints store;
  store.add(4, {{"a", 4}});
  const auto e = refusal(store, {at("a", 4, "feedfacefeedface")});
  EXPECT_EQ(e.kind(), error_kind::sink);
  EXPECT_THAT(e.what(), HasSubstr("another pipeline of this name"));
  EXPECT_THAT(e.what(), HasSubstr("feedfacefeedface"));
  EXPECT_EQ(e.where(), "sink a");
}

TEST(RestartPoint, RefusesATargetWithProgressWhenTheStateWasDeleted) {
  const auto e = refusal(kept_checkpoints(), {at("a", 4, "feedfacefeedface")});
  EXPECT_EQ(e.kind(), error_kind::sink);
  EXPECT_THAT(e.remedy(), HasSubstr("state directory was deleted"));
}

} // namespace
} // namespace leat
