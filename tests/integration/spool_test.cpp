#include <signal.h>

#include <chrono>

#include "tests/support/pipeline_fixture.hpp"

// Design rule R4: a pause in reading of up to 2 s is flow control; beyond it the source spools, and
// when there is no room for more it disconnects, and comes back.

namespace leat::test {

namespace {

using namespace std::chrono_literals;
namespace fs = std::filesystem;

/// A target that stops for as long as a lock is held, in the midst of a snapshot; behind it comes a
/// transaction larger than memory.
class Spool : public pipeline_fixture {
 protected:
  Spool() {
    text.sinks.erase("lite");
    text.routes.clear();
    text.snapshot = "chunk_rows = 4000";
    limit("");
    source("CREATE TABLE large (id bigint PRIMARY KEY, t text);"
           "INSERT INTO large SELECT i, repeat('x', 100) FROM generate_series(1, 20000) i");
  }
  ~Spool() override { server().set("logical_decoding_work_mem", "64MB"); }

  void limit(const std::string& more) { text.rest = "[limits]\nmemory = \"64MiB\"\n" + more; }

  void start_and_stop_the_target() {
    start();
    wait_until("no rows come",
               [&] { return pg("SELECT 1 WHERE to_regclass('large') IS NOT NULL").size() == 1; });
    lock_.execute("BEGIN; LOCK TABLE large IN SHARE MODE");
  }
  void free_the_target() { lock_.execute("COMMIT"); }

  /// More than 64 MiB, with an end that a rollback to a savepoint has taken away.
  void write_large_transaction() const {
    source("BEGIN; INSERT INTO large SELECT i, repeat('y', 1200) FROM"
           " generate_series(100001, 170000) i; SAVEPOINT s; DELETE FROM large WHERE id < 1000;"
           " ROLLBACK TO s; UPDATE large SET t = 'z' WHERE id % 1000 = 0; COMMIT");
  }

  std::uintmax_t spooled() const {
    std::uintmax_t bytes = 0;
    std::error_code gone; // files come and go
    for (const auto& file : fs::directory_iterator(state_path() / "spill")) {
      const auto size = fs::file_size(file, gone);
      if (!gone) bytes += size;
    }
    return bytes;
  }

  std::string walsender(const std::string& column) const {
    return source_value("SELECT " + column + " FROM pg_stat_replication");
  }

  void expect_the_source_is_free() const {
    const auto before = std::chrono::steady_clock::now();
    source("CHECKPOINT");
    EXPECT_LT(std::chrono::steady_clock::now() - before, 15s);
  }

  void expect_all_comes() {
    wait_until_caught_up();
    const std::string sums = "SELECT count(*), sum(id), sum(length(t)), min(t), max(t) FROM large";
    EXPECT_EQ(pg(sums), source_rows(sums)) << log();
    signal(SIGTERM);
    const auto ended = wait_until_ended();
    EXPECT_EQ(ended.status.code, 0) << ended.err;
    EXPECT_LE(ended.status.max_rss_kib, 128 * 1024) << ended.err;
  }

 private:
  pg_session lock_ = server().session(target_database);
};

TEST_F(Spool, KeepsReadingAndAnsweringWhileATargetIsStopped) {
  start_and_stop_the_target();
  write_large_transaction();
  wait_until("the transaction is not spooled", [&] { return spooled() > (64U << 20); });
  const auto connection = walsender("pid");
  const auto answered = walsender("reply_time");
  wait_until("the server hears nothing", [&] { return walsender("reply_time") != answered; });
  expect_the_source_is_free();
  EXPECT_EQ(walsender("pid"), connection) << log();
  free_the_target();
  expect_all_comes();
}

TEST_F(Spool, ThatIsFullLetsGoOfTheServerAndComesBackWhenThereIsRoom) {
  server().set("logical_decoding_work_mem", "1GB"); // else the transaction is kept while it is open
  limit("spill = \"16MiB\"\n");
  start_and_stop_the_target();
  write_large_transaction();
  wait_until("it does not say that the area is full", [&] {
    return log().find("the spill area is full: disconnected until there is room")
           != std::string::npos;
  });
  EXPECT_LE(spooled(), 16U << 20);
  wait_until("the server is held on to", [&] { return walsender("count(*)") == "0"; });
  expect_the_source_is_free();
  free_the_target();
  expect_all_comes();
}

} // namespace

} // namespace leat::test
