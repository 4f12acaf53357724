#include "dataflow/operator_state.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "state/checkpoint_store.hpp"
#include "state/operator_database.hpp"
#include "tests/support/temp_directory.hpp"

namespace leat {
namespace {

using testing::IsEmpty;
using testing::Optional;

const operator_name counts{"dwh", "We\"\"ird Таблица", 16384, 0, "counts"};
const operator_name others{"dwh", "We\"\"ird Таблица", 16384, 1, "others"};

/// The state of transforms as one process after another has it.
class OperatorState : public testing::Test {
 protected:
  std::shared_ptr<operator_store> open() {
    states_.reset();
    store_.reset();
    store_ =
        std::make_shared<operator_store>(open_operator_database(directory_.path() / "o", false));
    return store_;
  }

  /// A run that begins where the target names `at`.
  keyed_state& run(epoch_id at, const std::string& kind = "count") {
    open();
    store_->undo("dwh", at);
    store_->stands_at("dwh", operator_store::any);
    store_->make({{counts, kind}, {others, "other"}}, {{"dwh", at}});
    states_ = std::make_unique<operator_states>(store_, "dwh", at);
    return states_->open(counts);
  }

  keyed_state& run_again() {
    states_ = std::make_unique<operator_states>(store_, "dwh", 1);
    return states_->open(counts);
  }

  test::temp_directory directory_;
  std::shared_ptr<operator_store> store_;
  std::unique_ptr<operator_states> states_;
};

TEST_F(OperatorState, IsWhatItWasAtTheBarrierThatTheTargetNames) {
  auto* state = &run(0);
  state->put("a", "1");
  states_->pass(1, true);
  state->put("a", "2");
  state->put("b", "1");
  states_->pass(2, true);
  state->erase("a");
  state->put("b", "2");
  states_->write();

  state = &run(2);
  EXPECT_THAT(state->get("a"), Optional(std::string("2")));
  EXPECT_THAT(state->get("b"), Optional(std::string("1")));
  state = &run(1);
  EXPECT_THAT(state->get("a"), Optional(std::string("1")));
  EXPECT_EQ(state->get("b"), std::nullopt);
  EXPECT_EQ(states_->sizes()[0].keys, 1U);
  EXPECT_EQ(states_->sizes()[0].bytes, 2U);
  state = &run(0);
  EXPECT_EQ(state->get("a"), std::nullopt);
  EXPECT_EQ(states_->sizes()[0].bytes, 0U);
}

TEST_F(OperatorState, OfASinkThatIsAheadStaysWhenAnotherGoesBack) {
  auto& state = run(0);
  const operator_name elsewhere{"log", "t", 1, 0, "counts"};
  store_->make({{elsewhere, "count"}}, {{"log", 0}});
  {
    operator_states log(store_, "log", 0);
    log.open(elsewhere).put("a", "1");
    log.pass(1, true);
    state.put("a", "1");
    states_->pass(1, true);
  }
  open();
  store_->undo("log", 0);
  store_->undo("dwh", 1);
  operator_states again(store_, "dwh", 1);
  operator_states log_again(store_, "log", 0);
  EXPECT_THAT(again.open(counts).get("a"), Optional(std::string("1")));
  EXPECT_EQ(log_again.open(elsewhere).get("a"), std::nullopt);
}

TEST_F(OperatorState, ThatWasEmptiedComesBackWhenThatIsUndone) {
  auto* state = &run(0);
  for (int i = 0; i < 100; ++i) state->put(std::to_string(i), "x");
  states_->pass(1, true);
  state->clear();
  EXPECT_EQ(state->get("7"), std::nullopt);
  state->put("7", "new");
  states_->pass(2, true);

  state = &run(1);
  EXPECT_THAT(state->get("7"), Optional(std::string("x")));
  EXPECT_EQ(states_->sizes()[0].keys, 100U);
  state->clear();
  states_->pass(2, true);
  store_->forget_before(2);
  state = &run(2);
  EXPECT_EQ(state->get("7"), std::nullopt);
  EXPECT_EQ(states_->sizes()[0].keys, 0U);
}

TEST_F(OperatorState, BeginsAnewWithASnapshotOnce) {
  auto* state = &run(0);
  state->put("a", "1");
  states_->begin_snapshot(counts, 1, false);
  EXPECT_EQ(state->get("a"), std::nullopt);
  state->put("a", "2");
  states_->pass(1, true);
  state = &run(1);
  states_->begin_snapshot(counts, 1, false);
  EXPECT_THAT(state->get("a"), Optional(std::string("2")))
      << "the snapshot goes on after a restart";
  states_->begin_snapshot(counts, 2, false);
  EXPECT_EQ(state->get("a"), std::nullopt);
}

TEST_F(OperatorState, OfAnotherTransformIsNotRead) {
  run(0).put("a", "1");
  states_->pass(1, true);
  EXPECT_EQ(run(1, "another kind").get("a"), std::nullopt);
}

TEST_F(OperatorState, OfARouteThatIsGoneIsRemoved) {
  run(0).put("a", "1");
  states_->open(others).put("b", "1");
  states_->pass(1, true);
  store_->keep({{others, "other"}});
  EXPECT_FALSE(store_->holds(counts));
  EXPECT_TRUE(store_->holds(others));
  store_->make({{counts, "count"}}, {{"dwh", 1}});
  operator_states after(store_, "dwh", 1);
  EXPECT_EQ(after.open(counts).get("a"), std::nullopt);
  EXPECT_THAT(after.open(others).get("b"), Optional(std::string("1")));
}

TEST_F(OperatorState, KeepsWhatUndoingNeedsOfASinkThatHasNotCommitted) {
  auto* state = &run(0);
  state->put("a", "1");
  states_->pass(1, true);
  store_ =
      std::make_shared<operator_store>(std::shared_ptr<key_value_store>(store_, &store_->log()));
  store_->stands_at("dwh", 1);
  states_ = std::make_unique<operator_states>(store_, "dwh", 1);
  states_->open(counts).put("a", "2");
  states_->pass(2, false);
  store_->forget_before(3);
  store_->undo("dwh", 1);
  EXPECT_THAT(run_again().get("a"), Optional(std::string("1")));
}

TEST_F(OperatorState, ForgetsWhatUndoingNeededOnceNoRestartDoes) {
  auto& state = run(0);
  for (int i = 0; i < 1000; ++i) state.put(std::to_string(i), std::string(100, 'x'));
  states_->pass(1, true);
  std::size_t records = 0;
  const auto count = [&] {
    records = 0;
    store_->log().scan("u", "v", false, [&](auto, auto) { return ++records != 0; });
    return records;
  };
  EXPECT_EQ(count(), 1000U);
  store_->forget_before(1);
  EXPECT_EQ(count(), 0U);
  EXPECT_EQ(store_->synced("dwh"), 1U);
}

/// Random histories: whatever is undone, the state is what a copy at that barrier says.
TEST_F(OperatorState, IsThatOfAnyBarrierThatWasNotForgotten) {
  std::mt19937 random(7);
  const auto below = [&](std::uint32_t n) {
    return std::uniform_int_distribution<std::uint32_t>(0, n - 1)(random);
  };
  using contents = std::map<std::string, std::string>;
  std::map<epoch_id, contents> at{{0, {}}};
  contents now;
  epoch_id epoch = 0, oldest = 0;
  auto* state = &run(0);
  for (int step = 0; step < 3000; ++step) {
    const auto key = std::to_string(below(20));
    switch (below(12)) {
    case 0:
      states_->pass(++epoch, below(2) == 0);
      at[epoch] = now;
      break;
    case 1:
      state->clear();
      now.clear();
      break;
    case 2:
    case 3:
      state->erase(key);
      now.erase(key);
      break;
    case 4:
      if (below(4) != 0) break;
      oldest += below(static_cast<std::uint32_t>(epoch - oldest) + 1);
      store_->forget_before(oldest);
      break;
    case 5: {
      if (below(10) != 0) break;
      states_->write();
      const auto back = oldest + below(static_cast<std::uint32_t>(epoch - oldest) + 1);
      state = &run(back);
      now = at.at(back);
      at.erase(at.upper_bound(back), at.end());
      epoch = back;
      break;
    }
    default: {
      const auto value = std::string(below(50), 'v') + std::to_string(step);
      state->put(key, value);
      now[key] = value;
    }
    }
    const auto held = state->get(key);
    ASSERT_EQ(held, now.contains(key) ? std::optional(now[key]) : std::nullopt) << "step " << step;
  }
  std::uint64_t bytes = 0;
  for (const auto& [key, value] : now) bytes += key.size() + value.size();
  EXPECT_EQ(states_->sizes()[0].keys, now.size());
  EXPECT_EQ(states_->sizes()[0].bytes, bytes);
}

TEST_F(OperatorState, IsNotMadeWhereNobodyKeepsAny) {
  const auto store = open_state(directory_.path() / "state", false);
  EXPECT_EQ(store->operators(false), nullptr);
  EXPECT_NE(store->operators(true), nullptr);
  EXPECT_TRUE(std::filesystem::exists(directory_.path() / "state/operators/CURRENT"));
}

} // namespace
} // namespace leat
