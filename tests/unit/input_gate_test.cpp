#include "dataflow/input_gate.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <random>

#include "dataflow/error.hpp"

namespace leat {
namespace {

batch_ptr some_rows() {
  batch b;
  b.arena = "0123456789";
  return std::make_shared<const batch>(std::move(b));
}

barrier epoch(epoch_id n) {
  barrier b;
  b.epoch = n;
  return b;
}

bool is_barrier(const std::optional<frame>& f, epoch_id n) {
  const auto* b = f ? std::get_if<barrier>(&f->content) : nullptr;
  return b != nullptr && b->epoch == n;
}

/// A gate and the senders of its inputs.
class gate_of {
 public:
  explicit gate_of(std::size_t inputs, credit_window window = {}) {
    for (channel_id c = 0; c < inputs; ++c) {
      gate.open(c, window);
      senders.emplace_back(c, window);
    }
  }
  void push(std::size_t input, payload content) {
    gate.push(senders[input].stamp(std::move(content)));
  }
  /// Works off what is next, and gives the input of a batch, "barrier N", or "" for nothing.
  std::string next() {
    const auto f = gate.next();
    if (!f) return "";
    if (const auto due = gate.done(*f)) senders.at(due->channel).take(*due);
    if (const auto* b = std::get_if<barrier>(&f->content))
      return "barrier " + std::to_string(b->epoch);
    return "rows of " + std::to_string(f->channel);
  }

  input_gate gate;
  std::deque<credit_sender> senders;
};

TEST(InputGate, GivesTheFramesOfAnInputInTheirOrder) {
  gate_of g(1);
  g.push(0, some_rows());
  g.push(0, epoch(1));
  g.push(0, some_rows());
  EXPECT_EQ(g.next(), "rows of 0");
  EXPECT_EQ(g.next(), "barrier 1");
  EXPECT_EQ(g.next(), "rows of 0");
  EXPECT_EQ(g.next(), "");
}

TEST(InputGate, ReadsNoFurtherBeyondABarrierThatAnotherInputHasNotDelivered) {
  gate_of g(2);
  g.push(0, epoch(1));
  g.push(0, some_rows());
  EXPECT_EQ(g.next(), "");
  EXPECT_TRUE(g.gate.aligning());
  g.push(1, some_rows());
  EXPECT_EQ(g.next(), "rows of 1");
  g.push(1, epoch(1));
  EXPECT_EQ(g.next(), "barrier 1");
  EXPECT_EQ(g.next(), "rows of 0");
}

TEST(InputGate, TakesTheInputsInTurn) {
  gate_of g(2);
  for (int i = 0; i < 2; ++i) {
    g.push(0, some_rows());
    g.push(1, some_rows());
  }
  const auto first = g.next();
  const auto second = g.next();
  EXPECT_NE(first, second);
  EXPECT_EQ(g.next(), first);
  EXPECT_EQ(g.next(), second);
}

TEST(InputGate, AlignsWithoutAnInputThatHasEnded) {
  gate_of g(2);
  g.push(1, end_of_stream{});
  g.push(0, epoch(1));
  EXPECT_EQ(g.next(), "barrier 1");
}

TEST(InputGate, DoesNotTakeTheEndOfAnInputThatWaitsForABarrier) {
  // Input 0 has delivered barrier 1 and ended; its end must not make the barrier of input 1's next
  // epoch complete, nor its own barrier without input 1.
  gate_of g(2);
  g.push(0, epoch(1));
  g.push(0, end_of_stream{});
  EXPECT_EQ(g.next(), "");
  EXPECT_FALSE(g.gate.ended());
  g.push(1, some_rows());
  EXPECT_EQ(g.next(), "rows of 1");
  EXPECT_EQ(g.next(), "");
  g.push(1, epoch(1));
  EXPECT_EQ(g.next(), "barrier 1");
  g.push(1, epoch(2));
  EXPECT_EQ(g.next(), "barrier 2");
  g.push(1, end_of_stream{});
  EXPECT_EQ(g.next(), "");
  EXPECT_TRUE(g.gate.ended());
}

TEST(InputGate, DoesNotCompleteABarrierByTheEndOfABlockedInput) {
  gate_of g(3);
  g.push(0, epoch(1));
  g.push(1, epoch(1));
  g.push(1, end_of_stream{});
  EXPECT_EQ(g.next(), "");
  g.push(2, some_rows());
  EXPECT_EQ(g.next(), "rows of 2");
  g.push(2, epoch(1));
  EXPECT_EQ(g.next(), "barrier 1");
}

TEST(InputGate, GrantsNothingOfWhatWaitsBehindABarrier) {
  gate_of g(2, {1U << 20, 2});
  g.push(0, epoch(1));
  g.push(0, some_rows());
  g.push(0, some_rows());
  EXPECT_EQ(g.next(), "");
  EXPECT_FALSE(g.senders[0].may_send());
  EXPECT_EQ(g.gate.stashed(), 2u);
}

TEST(InputGate, GivesNothingWhileHeld) {
  gate_of g(1);
  g.push(0, some_rows());
  g.gate.hold(true);
  EXPECT_EQ(g.next(), "");
  g.gate.hold(false);
  EXPECT_EQ(g.next(), "rows of 0");
}

TEST(InputGate, RefusesBarriersThatDoNotMatch) {
  gate_of g(2);
  g.push(0, epoch(1));
  g.push(1, epoch(2));
  EXPECT_THROW(g.next(), error);
}

TEST(InputGate, RefusesAChannelThatWasNotOpened) {
  gate_of g(1);
  EXPECT_THROW(g.gate.push({5, 1, epoch(1)}), error);
}

TEST(InputGate, RefusesAGap) {
  gate_of g(1);
  g.push(0, epoch(1));
  g.senders[0].stamp(epoch(2)); // lost
  EXPECT_THROW(g.push(0, epoch(3)), error);
}

/// What an input delivers: batches and barriers, and at last its end.
std::deque<payload> script(std::mt19937& random, epoch_id epochs) {
  std::deque<payload> out;
  for (epoch_id n = 1; n <= epochs; ++n) {
    for (auto rows = random() % 4; rows > 0; --rows) out.push_back(some_rows());
    out.push_back(epoch(n));
  }
  out.push_back(end_of_stream{});
  return out;
}

TEST(InputGate, AlignsEveryInterleavingOfInputsThatEndAtDifferentEpochs) {
  for (unsigned seed = 0; seed < 2000; ++seed) {
    std::mt19937 random(seed);
    const auto inputs = 1 + random() % 4;
    gate_of g(inputs, {1U << 20, 1 + random() % 3});
    std::vector<std::deque<payload>> scripts;
    std::vector<epoch_id> barriers_of;
    for (std::size_t i = 0; i < inputs; ++i) {
      barriers_of.push_back(random() % 5);
      scripts.push_back(script(random, barriers_of[i]));
    }
    const auto last = *std::max_element(barriers_of.begin(), barriers_of.end());
    std::vector<epoch_id> delivered(inputs, 0);
    epoch_id aligned = 0;
    std::size_t idle = 0;
    while (!g.gate.ended() && idle < 1000) {
      const auto i = random() % inputs;
      const bool free =
          !scripts[i].empty() && (cost_of(scripts[i].front()) == 0 || g.senders[i].may_send());
      if (free && random() % 2 == 0) {
        if (std::holds_alternative<barrier>(scripts[i].front())) ++delivered[i];
        g.push(i, std::move(scripts[i].front()));
        scripts[i].pop_front();
      }
      const auto f = g.gate.next();
      idle = f ? 0 : idle + 1;
      if (!f) continue;
      if (const auto due = g.gate.done(*f)) g.senders[due->channel].take(*due);
      if (!is_barrier(f, aligned + 1)) {
        ASSERT_FALSE(std::holds_alternative<barrier>(f->content)) << "seed " << seed;
        continue;
      }
      ++aligned;
      for (std::size_t k = 0; k < inputs; ++k)
        ASSERT_TRUE(delivered[k] >= aligned || barriers_of[k] < aligned)
            << "seed " << seed << ": barrier " << aligned << " passed without input " << k;
    }
    ASSERT_TRUE(g.gate.ended()) << "seed " << seed << ": a wake-up was lost";
    ASSERT_EQ(aligned, last) << "seed " << seed;
  }
}

} // namespace
} // namespace leat
