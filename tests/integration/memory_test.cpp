#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sqlite3.h>

#include <cstdlib>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>

#include "tests/support/pipeline_fixture.hpp"

// Design rule R9: resident memory is bounded by limits.memory plus 64 MiB plus four times the
// largest row in flight, whatever the size of a transaction or a table.

namespace leat::test {

namespace {

constexpr long mib = 1024; // in KiB, as the system counts resident memory

/// The sizes that the project promises; a tenth of them unless LEAT_TEST_FULL is set.
std::string scaled(long rows) {
  return std::to_string(std::getenv("LEAT_TEST_FULL") != nullptr ? rows : rows / 10);
}

/// Holds an SQLite file against all other writers.
class write_lock {
 public:
  explicit write_lock(const std::filesystem::path& file) {
    sqlite3_open(file.c_str(), &database_);
    if (sqlite3_exec(database_, "BEGIN IMMEDIATE", nullptr, nullptr, nullptr) != SQLITE_OK)
      throw std::runtime_error("the file cannot be locked");
  }
  ~write_lock() { release(); }
  void execute(const char* sql) const {
    if (sqlite3_exec(database_, sql, nullptr, nullptr, nullptr) != SQLITE_OK)
      throw std::runtime_error(sqlite3_errmsg(database_));
  }
  void release() { sqlite3_close(std::exchange(database_, nullptr)); }

 private:
  sqlite3* database_ = nullptr;
};

class Memory : public pipeline_fixture {
 protected:
  Memory() {
    text.sinks.erase("pg");
    text.routes.clear();
    text.snapshot = "chunk_rows = 10000";
    text.rest = "[limits]\nmemory = \"64MiB\"\n";
  }

  void expect_within(const finished_process& run, long largest_row_mib) const {
    EXPECT_EQ(run.status.code, 0) << run.err;
    EXPECT_LE(run.status.max_rss_kib, (64 + 64 + 4 * largest_row_mib) * mib) << run.err;
  }

  void expect_rows(const std::string& table) const {
    EXPECT_EQ(lite("SELECT count(*) FROM " + table),
              source_rows("SELECT count(*) FROM public." + table));
  }
};

TEST_F(Memory, OfATransactionOfFiveMillionRowsIsBounded) {
  source("CREATE TABLE large (id bigint PRIMARY KEY, a int, t text)");
  catch_up();
  source("INSERT INTO large SELECT i, i % 7, 'row ' || i FROM generate_series(1, " + scaled(5000000)
         + ") i");
  expect_within(catch_up(), 0);
  expect_rows("large");
}

TEST_F(Memory, OfATransactionThatIsStreamedWhileInProgressIsBounded) {
  source("CREATE TABLE large (id bigint PRIMARY KEY, a int, t text)");
  server().set("logical_decoding_work_mem", "64kB");
  catch_up();
  source("INSERT INTO large SELECT i, i % 7, 'row ' || i FROM generate_series(1, " + scaled(5000000)
         + ") i");
  expect_within(catch_up(), 0);
  server().set("logical_decoding_work_mem", "64MB");
  expect_rows("large");
}

TEST_F(Memory, OfASnapshotDoesNotGrowWithTheTable) {
  source("CREATE TABLE large (id bigint PRIMARY KEY, t text)");
  source("INSERT INTO large SELECT i, repeat('x', 90) FROM generate_series(1, " + scaled(10000000)
         + ") i");
  source("ANALYZE large");
  expect_within(catch_up(), 0);
  expect_rows("large");
}

TEST_F(Memory, OfATableWithoutAKeyDoesNotGrowWithItsRowsNorWithWhatIsWrittenMeanwhile) {
  source("CREATE TABLE notes (n int, t text)");
  source("ALTER TABLE notes REPLICA IDENTITY FULL");
  source("INSERT INTO notes SELECT i, repeat('x', 1000) FROM generate_series(1, " + scaled(2000000)
         + ") i");
  finished_process run;
  {
    const std::jthread pipeline([&] { run = leat("run", {"--until", "caught-up"}); });
    for (int i = 0; i < 10; ++i) {
      source("INSERT INTO notes SELECT -i, repeat('y', 1000) FROM generate_series(1, "
             + scaled(200000) + ") i");
      source("UPDATE notes SET t = 'z' WHERE n = " + std::to_string(i));
      source("DELETE FROM notes WHERE n = 1" + std::to_string(i));
    }
  }
  expect_within(run, 0);
  expect_within(catch_up(), 0);
  const std::string sums = "SELECT count(*), sum(n), sum(length(t)), count(DISTINCT n) FROM ";
  EXPECT_EQ(lite(sums + "notes"), source_rows(sums + "public.notes"));
}

TEST_F(Memory, OfRowsOfAMegabyteIsBounded) {
  source("CREATE TABLE wide (id int PRIMARY KEY, t text)");
  source("ALTER TABLE wide ALTER t SET STORAGE EXTERNAL");
  source("INSERT INTO wide SELECT i, repeat('x', 1000000) FROM generate_series(1, " + scaled(1000)
         + ") i");
  expect_within(catch_up(), 1);
  source("UPDATE wide SET t = t || 'y'");
  expect_within(catch_up(), 1);
  expect_rows("wide");
}

TEST_F(Memory, OfRowsThatATargetLacksIsBounded) {
  source("CREATE TABLE toasted (id text COLLATE \"C\" PRIMARY KEY, n int, t text)");
  source("ALTER TABLE toasted ALTER t SET STORAGE EXTERNAL");
  source("INSERT INTO toasted SELECT repeat(md5(i::text), 28), 0, repeat('x', 2100) || i FROM "
         "generate_series(1, "
         + scaled(100000) + ") i");
  expect_within(catch_up(), 0);
  {
    const write_lock target(lite_path());
    target.execute("DELETE FROM toasted; COMMIT");
  }
  source("UPDATE toasted SET n = 1");
  const auto run = catch_up();
  expect_within(run, 0);
  EXPECT_THAT(run.err, testing::HasSubstr("lacks many rows"));
  const std::string sums = "SELECT count(*), sum(n), sum(length(t)), count(DISTINCT t) FROM ";
  EXPECT_EQ(lite(sums + "toasted"), source_rows(sums + "public.toasted"));
}

TEST_F(Memory, OfTransformsThatKeepStateDoesNotGrowWithIt) {
  source("CREATE TABLE large (id bigint PRIMARY KEY, n int, t text)");
  source("INSERT INTO large SELECT i, 0, i || repeat('x', 400) FROM generate_series(1, "
         + scaled(600000) + ") i");
  text.routes = {"from = \"public.large\"\ntransform = [\"last\", \"dd\"]"};
  text.rest += "[transform.last]\ntype = \"remember\"\n[transform.dd]\ntype = \"dedup\"\n";
  expect_within(catch_up(), 0);
  source("UPDATE large SET n = 1");
  expect_within(catch_up(), 0);
  expect_rows("large");
  EXPECT_EQ(lite("SELECT min(n) FROM large"), (text_rows{{"1"}}));
}

TEST_F(Memory, OfAPipelineWhoseTargetIsStoppedIsBounded) {
  source("CREATE TABLE large (id bigint PRIMARY KEY, t text)");
  catch_up();
  source("INSERT INTO large SELECT i, repeat('x', 90) FROM generate_series(1, " + scaled(5000000)
         + ") i");
  finished_process run;
  {
    write_lock lock(lite_path());
    const std::jthread pipeline([&] { run = leat("run", {"--until", "caught-up"}); });
    std::this_thread::sleep_for(std::chrono::seconds(6));
    lock.release();
  }
  expect_within(run, 0);
  expect_rows("large");
}

} // namespace

} // namespace leat::test
