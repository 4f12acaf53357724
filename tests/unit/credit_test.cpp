#include "dataflow/credit.hpp"

#include <gtest/gtest.h>

#include "dataflow/error.hpp"
#include "tests/support/batch_builder.hpp"

namespace leat {
namespace {

constexpr channel_id edge = 7;

batch_ptr batch_of_bytes(std::size_t bytes) {
  batch b;
  b.arena.assign(bytes, 'x');
  return std::make_shared<const batch>(std::move(b));
}

frame numbered(std::uint64_t sequence, channel_id channel = edge) {
  return {channel, sequence, barrier{}};
}

TEST(Credit, NumbersFramesFromOneWithoutGaps) {
  credit_sender sender(edge, {});
  EXPECT_EQ(sender.stamp(barrier{}).sequence, 1u);
  EXPECT_EQ(sender.stamp(batch_of_bytes(10)).sequence, 2u);
  EXPECT_EQ(sender.stamp(end_of_stream{}).sequence, 3u);
  EXPECT_EQ(sender.stamp(barrier{}).channel, edge);
}

TEST(Credit, EndsWhenTheWindowsBytesAreUnderWay) {
  const auto rows = batch_of_bytes(100);
  credit_sender sender(edge, {2 * cost_of(rows), 64});
  sender.stamp(rows);
  EXPECT_TRUE(sender.may_send());
  sender.stamp(rows);
  EXPECT_FALSE(sender.may_send());
}

TEST(Credit, EndsWhenTheWindowsFramesAreUnderWay) {
  credit_sender sender(edge, {1U << 20, 2});
  sender.stamp(batch_of_bytes(1));
  sender.stamp(batch_of_bytes(1));
  EXPECT_FALSE(sender.may_send());
}

TEST(Credit, LetsABatchLargerThanTheWindowPass) {
  credit_sender sender(edge, {10, 64});
  EXPECT_TRUE(sender.may_send());
  sender.stamp(batch_of_bytes(1000));
  EXPECT_FALSE(sender.may_send());
}

TEST(Credit, IsNotSpentBySignals) {
  credit_sender sender(edge, {1, 1});
  for (int i = 0; i < 100; ++i) sender.stamp(barrier{});
  EXPECT_TRUE(sender.may_send());
}

TEST(Credit, ComesBackWithTotalsInAnyOrder) {
  const auto rows = batch_of_bytes(100);
  const auto cost = cost_of(rows);
  credit_sender sender(edge, {cost, 64});
  sender.stamp(rows);
  sender.stamp(rows);
  sender.take({edge, 2 * cost, 2});
  EXPECT_TRUE(sender.may_send());
  sender.take({edge, cost, 1}); // overtaken
  EXPECT_TRUE(sender.may_send());
  EXPECT_TRUE(sender.half_free());
}

TEST(Credit, IsGrantedOnceHalfAWindowIsWorkedOff) {
  const payload rows = batch_of_bytes(100);
  const auto cost = cost_of(rows);
  credit_receiver receiver(edge, {4 * cost, 1000});
  EXPECT_FALSE(receiver.consume(rows));
  const auto due = receiver.consume(rows);
  ASSERT_TRUE(due);
  EXPECT_EQ(due->bytes, 2 * cost);
  EXPECT_EQ(due->frames, 2u);
  EXPECT_FALSE(receiver.consume(rows));
}

TEST(Credit, IsGrantedFrameByFrameInAWindowOfOne) {
  const payload rows = batch_of_bytes(1);
  credit_receiver receiver(edge, {1U << 30, 1});
  EXPECT_TRUE(receiver.consume(rows));
  EXPECT_TRUE(receiver.consume(rows));
}

TEST(Credit, NeverRunsDryWhateverTheWindowAndTheBatches) {
  for (std::uint64_t bytes : {1, 2, 63, 64, 1000})
    for (std::uint64_t frames : {1, 2, 3, 64}) {
      const credit_window window{bytes, frames};
      credit_sender sender(edge, window);
      credit_receiver receiver(edge, window);
      for (std::size_t i = 0; i < 200; ++i) {
        ASSERT_TRUE(sender.may_send()) << bytes << " bytes, " << frames << " frames, after " << i;
        const auto f = sender.stamp(batch_of_bytes(i % 90));
        receiver.accept(f);
        if (const auto due = receiver.consume(f.content)) sender.take(*due);
      }
    }
}

class CreditRefuses : public testing::TestWithParam<frame> {};

TEST_P(CreditRefuses, AFrameThatIsNotTheNext) {
  credit_receiver receiver(edge, {});
  receiver.accept(numbered(1));
  try {
    receiver.accept(GetParam());
    FAIL() << "the frame was taken";
  } catch (const error& e) {
    EXPECT_EQ(e.kind(), error_kind::bug);
    EXPECT_EQ(e.where(), "channel 7");
  }
}

INSTANTIATE_TEST_SUITE_P(Frame, CreditRefuses,
                         testing::Values(numbered(1), numbered(3), numbered(2, edge + 1)));

} // namespace
} // namespace leat
