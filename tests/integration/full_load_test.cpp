#include <signal.h>

#include <chrono>
#include <thread>
#include <vector>

#include "tests/support/pipeline_fixture.hpp"

namespace leat::test {

namespace {

using namespace std::chrono_literals;

/// A pipeline in the midst of everything: a snapshot in small chunks, a large transaction in the
/// stream, and writers that do not stop.
class FullLoad : public pipeline_fixture {
 protected:
  FullLoad() {
    // Each hundredth row takes 10 ms, so that two readers need 3 s however quick the machine is.
    text.snapshot = "chunk_rows = 300\n"
                    "where = { \"public.item\" = \"id % 100 > 0 OR pg_sleep(0.01) IS NOT NULL\" }";
    source("CREATE TABLE item (id bigint PRIMARY KEY, n int, t text);"
           "CREATE TABLE busy (id int PRIMARY KEY, n int);"
           "INSERT INTO item SELECT i, 0, repeat('x', 100) FROM generate_series(1, 60000) i;"
           "INSERT INTO busy SELECT i, 0 FROM generate_series(1, 1000) i");
  }

  void load() {
    start();
    for (int i = 0; i < 2; ++i)
      writers_.emplace_back([i](const std::stop_token& told) { write(i, told); });
    source("UPDATE item SET n = 1 WHERE id % 3 = 0");
    wait_until("no chunk is read", [&] { return !lite("SELECT 1 FROM item LIMIT 1").empty(); });
    ASSERT_EQ(status().find("\"consistent\":true"), std::string::npos)
        << "the snapshot has ended before it was to be interrupted";
  }

  std::chrono::duration<double> time_of_stop() {
    const auto before = std::chrono::steady_clock::now();
    stop();
    return std::chrono::steady_clock::now() - before;
  }

  void expect_it_goes_on() {
    writers_.clear();
    catch_up();
    expect_same("item");
    expect_same("busy");
  }

 private:
  static void write(int writer, const std::stop_token& told) {
    auto session = server().session(source_database);
    for (int i = writer; !told.stop_requested(); i += 2) {
      const auto id = std::to_string(i % 1000 + 1);
      session.execute("UPDATE busy SET n = n + 1 WHERE id = " + id
                      + "; DELETE FROM item WHERE id = " + id + "; INSERT INTO item VALUES (" + id
                      + ", 2, 'again')");
      std::this_thread::sleep_for(1ms);
    }
  }

  std::vector<std::jthread> writers_;
};

TEST_F(FullLoad, EndsWithinTenSecondsOfSigtermAndTheNextRunGoesOn) {
  load();
  EXPECT_LT(time_of_stop(), 10s) << log();
  expect_it_goes_on();
}

TEST_F(FullLoad, EndsWithinTenSecondsOfSigtermThoughATargetIsStuck) {
  load();
  auto target = server().session(target_database);
  target.execute("BEGIN; LOCK TABLE item IN SHARE MODE");
  std::this_thread::sleep_for(500ms);
  EXPECT_LT(time_of_stop(), 10s) << log();
  target.execute("COMMIT");
  expect_it_goes_on();
}

} // namespace

} // namespace leat::test
