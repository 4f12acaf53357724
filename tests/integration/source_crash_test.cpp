#include "tests/support/pipeline_fixture.hpp"

// A source that commits with synchronous_commit = off shows rows that a crash takes back.

namespace leat::test {

namespace {

class SourceCrash : public pipeline_fixture {
 protected:
  SourceCrash() {
    text.sinks.erase("pg");
    text.routes.clear();
  }

  /// Commits that only the WAL writer flushes, which sleeps.
  void commit_unflushed(const std::string& sql) const {
    source("SET synchronous_commit = off; " + sql);
  }
  std::string lost_at_target() const {
    return lite("SELECT count(*) FROM item WHERE name = 'lost'")[0][0].value_or("");
  }
};

TEST_F(SourceCrash, TakesRowsBackThatASnapshotHasReadAlsoAtTheTarget) {
  source("CREATE TABLE item (id int PRIMARY KEY, name text)");
  source("INSERT INTO item SELECT i, 'item ' || i FROM generate_series(1, 100) i");
  server().set("wal_writer_delay", "10s");
  start();
  wait_until_caught_up();
  commit_unflushed("UPDATE item SET name = 'wakes the WAL writer' WHERE id = 1");
  wait_until_caught_up();
  commit_unflushed("INSERT INTO item SELECT i, 'lost' FROM generate_series(1000, 1009) i");
  EXPECT_EQ(leat("resnapshot", {"public.item"}).status.code, 0);
  wait_until("the rows are not read", [&] { return lost_at_target() == "10"; });
  server().crash();
  server().start();
  ASSERT_EQ(source_value("SELECT count(*) FROM item WHERE name = 'lost'"), "0")
      << "they were flushed: the test shows nothing";
  wait_until_caught_up();
  EXPECT_EQ(lost_at_target(), "0") << log();
  expect_same_at_lite("item", "item");
  stop();
  server().set("wal_writer_delay", "200ms");
}

} // namespace

} // namespace leat::test
