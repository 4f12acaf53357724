#include <gtest/gtest.h>

#include <atomic>
#include <latch>
#include <mutex>
#include <stdexcept>
#include <string>
#include <vector>

#include "plugins/starrocks/load_pool.hpp"

namespace leat::starrocks {
namespace {

TEST(StarrocksLoadPool, KeepsTheOrderOfALine) {
  load_pool pool(4, 1000);
  std::vector<int> seen;
  for (int i = 0; i < 200; ++i) pool.give("a", 1, [&seen, i] { seen.push_back(i); });
  pool.wait("a");
  ASSERT_EQ(seen.size(), 200u);
  for (int i = 0; i < 200; ++i) EXPECT_EQ(seen[static_cast<std::size_t>(i)], i);
}

TEST(StarrocksLoadPool, RunsLinesBesideEachOther) {
  load_pool pool(3, 1000);
  std::latch together(3);
  for (const char* line : {"a", "b", "c"}) pool.give(line, 1, [&] { together.arrive_and_wait(); });
  pool.wait_all();
  EXPECT_TRUE(together.try_wait());
}

TEST(StarrocksLoadPool, HoldsNoMoreBytesThanItMay) {
  load_pool pool(4, 10);
  std::atomic<int> under_way = 0;
  std::atomic<int> most = 0;
  for (int i = 0; i < 60; ++i) {
    pool.give("line " + std::to_string(i % 6), 4, [&] { --under_way; });
    // Counted where it is given: it may have run already.
    most = std::max(most.load(), ++under_way);
  }
  pool.wait_all();
  EXPECT_LE(most, 2);
}

TEST(StarrocksLoadPool, TakesOneThatIsLargerThanItMayHold) {
  load_pool pool(2, 10);
  bool ran = false;
  pool.give("a", 500, [&] { ran = true; });
  pool.wait_all();
  EXPECT_TRUE(ran);
}

TEST(StarrocksLoadPool, AFailureIsThrownAndEndsTheRest) {
  load_pool pool(1, 1000);
  std::atomic<int> ran = 0;
  std::latch given(1);
  pool.give("a", 1, [&] {
    given.wait();
    throw std::runtime_error("refused");
  });
  pool.give("a", 1, [&] { ++ran; });
  given.count_down();
  EXPECT_THROW(pool.wait("a"), std::runtime_error);
  EXPECT_THROW(pool.give("b", 1, [&] { ++ran; }), std::runtime_error);
  EXPECT_EQ(ran, 0);
}

} // namespace
} // namespace leat::starrocks
