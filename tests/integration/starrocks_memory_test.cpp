#include <chrono>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <thread>

#include "tests/integration/starrocks_pipeline_fixture.hpp"

namespace leat::test {
namespace {

/// R9 at StarRocks: resident memory stays below limits.memory plus 64 MiB while nothing can be
/// loaded, whatever is written at the source meanwhile. For minutes when LEAT_TEST_FULL is set.
class StarrocksMemory : public starrocks_pipeline {
 protected:
  StarrocksMemory() { text.rest = "[limits]\nmemory = \"64MiB\"\n"; }
  ~StarrocksMemory() override {
    if (cluster().is_double()) backends("start");
  }
  static void backends(const char* order) {
    cluster().control("/node", {{"be0", order}, {"be1", order}});
  }
  static bool full() { return std::getenv("LEAT_TEST_FULL") != nullptr; }
};

TEST_F(StarrocksMemory, IsBoundedWhileTheBackendsAreAway) {
  if (!cluster().is_double()) GTEST_SKIP() << "only the double takes orders";
  constexpr long kib_in_mib = 1024;
  const auto away = std::chrono::seconds(full() ? 180 : 4);
  source("CREATE TABLE t (id bigint PRIMARY KEY, v text)");
  catch_up();
  process run({leat_program(), "run", write_file(), "--until", "caught-up"}, {});
  backends("crash");
  const auto until = std::chrono::steady_clock::now() + away;
  for (int i = 0; std::chrono::steady_clock::now() < until; ++i) {
    source("INSERT INTO t SELECT i, repeat('x', 900) FROM generate_series(" + std::to_string(i)
           + " * 10000, " + std::to_string(i) + " * 10000 + 9999) i");
    std::this_thread::sleep_for(std::chrono::milliseconds(full() ? 1000 : 300));
  }
  backends("start");
  const auto ended = run.wait(std::chrono::minutes(5));
  ASSERT_TRUE(ended) << run.err();
  EXPECT_EQ(ended->code, 0) << run.err();
  EXPECT_LE(ended->max_rss_kib, (64 + 64) * kib_in_mib) << run.err();
  ASSERT_EQ(catch_up().status.code, 0);
  EXPECT_EQ(rows_of("count(*) AS n, sum(length(v)) AS s", "t", "n"),
            source_value("SELECT count(*) || '|' || sum(length(v)) FROM t"));
}

/// An epoch may be as long as the file says; what memory does not hold would go by way of the disk.
TEST_F(StarrocksMemory, EndsAnEpochBeforeItIsFull) {
  text.interval = "1h";
  source("CREATE TABLE t (id bigint PRIMARY KEY, v text)");
  catch_up();
  start();
  for (int i = 0; i < 20; ++i)
    source("INSERT INTO t SELECT i, repeat('x', 900) FROM generate_series(" + std::to_string(i)
           + " * 1000, " + std::to_string(i) + " * 1000 + 999) i");
  wait_until("most rows are there",
             [&] { return std::stoi(rows_of("count(*) AS n", "t", "n")) > 10'000; });
}

} // namespace
} // namespace leat::test
