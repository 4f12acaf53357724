#include <atomic>
#include <chrono>
#include <cstdlib>
#include <functional>
#include <random>
#include <thread>

#include "tests/support/pipeline_fixture.hpp"

namespace leat::test {

namespace {

using namespace std::chrono_literals;
using std::to_string;

/// Full size when LEAT_TEST_FULL is set, else about a tenth.
bool full_size() { return std::getenv("LEAT_TEST_FULL") != nullptr; }

/// One writer's dice and session; its seed is its number.
struct writer_seat {
  int number = 0;
  std::mt19937 random;
  pg_session session;

  int below(int n) { return static_cast<int>(random() % static_cast<unsigned>(n)); }
  void hold(std::chrono::milliseconds most) {
    std::this_thread::sleep_for(most / 75 + most * below(1000) / 1000);
  }
};

/// Clients that each repeat one action until they are told to stop, or it says that it has done.
class writers {
 public:
  using action = std::function<bool(writer_seat&)>;

  writers(int count, const std::string& conninfo, const action& act) {
    for (int i = 0; i < count; ++i)
      threads_.emplace_back([this, i, conninfo, act](const std::stop_token& stop) {
        writer_seat seat{i, std::mt19937(static_cast<unsigned>(i) + 1), pg_session(conninfo)};
        seat.session.execute("SET application_name = 'fire'");
        while (!stop.stop_requested() && turn(seat, act)) {
        }
      });
  }
  void stop() { threads_.clear(); }
  int committed() const { return committed_; }

 private:
  bool turn(writer_seat& seat, const action& act) {
    try {
      const bool goes_on = act(seat);
      ++committed_;
      return goes_on;
    } catch (const pg_failure& e) {
      // Two writers met at one key, or a cancel came late.
      if (e.sqlstate != "23505" && e.sqlstate != "40P01" && e.sqlstate != "57014") throw;
      seat.session.execute("ROLLBACK");
      return true;
    }
  }

  std::atomic<int> committed_ = 0;
  std::vector<std::jthread> threads_;
};

class SnapshotUnderFire : public pipeline_fixture {
 protected:
  SnapshotUnderFire() {
    text.interval = "20ms";
    text.source = "slot = \"leat_shop\"\npublication = \"leat_shop\"";
  }

  static std::string at_source() { return server().conninfo(source_database); }

  void make_slot() const {
    source("CREATE PUBLICATION leat_shop FOR ALL TABLES WITH (publish_via_partition_root = true)");
    source("SELECT pg_create_logical_replication_slot('leat_shop', 'pgoutput')");
  }

  /// The PostgreSQL target is on the same server, and would wait with it.
  void to_sqlite_alone() {
    text.sinks.erase("pg");
    text.routes.clear();
  }
  void make_items() {
    source("CREATE TABLE item (id int PRIMARY KEY, n int);"
           "INSERT INTO item SELECT i, 100 FROM generate_series(1, 50) i");
    to_sqlite_alone();
  }
  static void wait_until_slot_is_being_made() {
    while (server().value("SELECT count(*) FROM pg_replication_slots") == "0")
      std::this_thread::sleep_for(5ms);
  }

  static int count(const std::string& where, const std::string& what) {
    int n = 0;
    for (auto at = where.find(what); at != std::string::npos; at = where.find(what, at + 1)) ++n;
    return n;
  }
  void wait_until_snapshots_finish() const {
    wait_until("the snapshots do not finish", [&] {
      const auto now = status();
      const auto tables = count(now, R"("snapshot":")");
      return tables > 0 && tables == count(now, R"("snapshot":"finished")");
    });
  }

  /// Inserts, updates, deletes and key moves, all within 200 rows.
  static bool fire_at_hot_rows(writer_seat& w) {
    const auto id = to_string(1 + w.below(200));
    const auto other = to_string(1 + w.below(200));
    const auto table = "hot" + to_string(w.below(2));
    const auto number = to_string(w.random() % 1'000'000);
    const int dice = w.below(10);
    if (dice < 6)
      w.session.execute("UPDATE " + table + " SET n = " + number + " WHERE id = " + id);
    else if (dice < 7)
      w.session.execute("DELETE FROM " + table + " WHERE id = " + id);
    else if (dice < 9)
      w.session.execute("INSERT INTO " + table + " VALUES (" + id + ", " + number
                        + ") ON CONFLICT (id) DO UPDATE SET n = excluded.n");
    else
      w.session.execute("UPDATE " + table + " SET id = " + other + " WHERE id = " + id);
    std::this_thread::sleep_for(3ms);
    return true;
  }
  void make_hot_tables() const {
    for (const auto* table : {"hot0", "hot1"})
      source(std::string("CREATE TABLE ") + table + " (id int PRIMARY KEY, n int); INSERT INTO "
             + table + " SELECT i, 0 FROM generate_series(1, 200) i");
  }
};

TEST_F(SnapshotUnderFire, HotRowsEndAsTheSourceHasThem) {
  make_hot_tables();
  text.snapshot = full_size() ? "chunk_rows = 1" : "chunk_rows = 4";
  writers fire(8, at_source(), fire_at_hot_rows);
  start();
  wait_until_snapshots_finish();
  fire.stop();
  EXPECT_GT(fire.committed(), 0);
  wait_until_caught_up();
  expect_same("hot0");
  expect_same("hot1");
  stop();
}

/// Lets the server wait for a standby that does not exist, again and again: commits are streamed
/// while they hang, and hung ones are invisible. Some are cancelled, and stand nevertheless.
class hanging_commits {
 public:
  explicit hanging_commits(pg_server& server)
      : server_(server), thread_([this](const std::stop_token& stop) {
          while (!stop.stop_requested()) {
            wait_for("ghost");
            std::this_thread::sleep_for(80ms);
            server_.execute("SELECT pg_cancel_backend(pid) FROM pg_stat_activity"
                            " WHERE wait_event = 'SyncRep' AND application_name = 'fire' LIMIT 2");
            std::this_thread::sleep_for(40ms);
            wait_for("");
            std::this_thread::sleep_for(20ms);
          }
        }) {}
  ~hanging_commits() { wait_for_nobody(); }
  void wait_for_nobody() {
    if (!thread_.joinable()) return;
    thread_.request_stop();
    thread_.join();
    wait_for("");
  }

 private:
  void wait_for(const std::string& standby) { server_.set("synchronous_standby_names", standby); }

  pg_server& server_;
  std::jthread thread_;
};

TEST_F(SnapshotUnderFire, HotRowsWhoseCommitsHangEndAsTheSourceHasThem) {
  make_hot_tables();
  make_slot();
  text.snapshot = full_size() ? "chunk_rows = 1" : "chunk_rows = 4";
  to_sqlite_alone();
  writers fire(8, at_source(), fire_at_hot_rows);
  hanging_commits hanging(server());
  start();
  wait_until_snapshots_finish();
  fire.stop();
  hanging.wait_for_nobody();
  EXPECT_GT(fire.committed(), 0);
  wait_until_caught_up();
  expect_same_at_lite("hot0", "hot0");
  expect_same_at_lite("hot1", "hot1");
  stop();
}

/// Transactions that each change one row in each of 25 stripes, and stay open for a while. No row
/// is changed twice, so that nothing heals one that was left stale, lost or brought back.
class spread_transactions {
 public:
  static constexpr int stripes = 25;

  explicit spread_transactions(int stripe, std::chrono::milliseconds longest)
      : stripe_(stripe), longest_(longest) {}

  std::string table() const {
    return "CREATE TABLE spread (id int PRIMARY KEY, n int);"
           "INSERT INTO spread SELECT i, 0 FROM generate_series(0, "
           + to_string(stripes * stripe_ - 1) + ") i";
  }
  bool operator()(writer_seat& w) {
    const auto offset = w.number + 8 * turn_++;
    if (offset >= stripe_) return false;
    w.session.execute("BEGIN");
    for (int s = 0; s < stripes; ++s) w.session.execute(change(s * stripe_ + offset, s));
    w.hold(longest_);
    w.session.execute("COMMIT");
    return true;
  }

 private:
  static std::string change(int id, int stripe) {
    const auto row = " WHERE id = " + to_string(id);
    if (stripe % 5 == 1) return "UPDATE spread SET id = -1 - id" + row;
    if (stripe % 5 == 3) return "DELETE FROM spread" + row;
    return "UPDATE spread SET n = 1" + row;
  }

  int stripe_;
  std::chrono::milliseconds longest_;
  int turn_ = 0;
};

TEST_F(SnapshotUnderFire, TransactionsHeldOpenOverAllChunksLeaveNoStaleRow) {
  const spread_transactions spread(full_size() ? 400 : 80, full_size() ? 1500ms : 400ms);
  source(spread.table());
  text.snapshot = full_size() ? "chunk_rows = 8" : "chunk_rows = 2";
  writers fire(8, at_source(), spread);
  start();
  wait_until_snapshots_finish();
  EXPECT_GT(fire.committed(), 0);
  fire.stop();
  wait_until_caught_up();
  expect_same("spread");
  stop();
}

TEST_F(SnapshotUnderFire, TransactionIdsThatWrapMeanwhileLeaveNoStaleRow) {
  constexpr std::uint32_t last_before_the_wrap = 4'294'967'295;
  if (!server().restart_at_xid(0, last_before_the_wrap - 50)) GTEST_SKIP() << "no pg_resetwal";
  const spread_transactions spread(80, 200ms);
  source(spread.table());
  text.snapshot = "chunk_rows = 2";
  writers fire(8, at_source(), spread);
  start();
  wait_until_snapshots_finish();
  const auto epoch = [&] {
    return source_value("SELECT (pg_snapshot_xmax(pg_current_snapshot())::text::bigint >> 32)");
  };
  wait_until("the transaction ids do not wrap", [&] { return epoch() == "1"; });
  fire.stop();
  wait_until_caught_up();
  expect_same("spread");
  stop();
  give_up_server();
}

TEST_F(SnapshotUnderFire, TransactionsThatHangOverAllChunksLeaveNoStaleRow) {
  const spread_transactions spread(full_size() ? 800 : 240, 20ms);
  source(spread.table());
  make_slot();
  to_sqlite_alone();
  text.snapshot = full_size() ? "chunk_rows = 8" : "chunk_rows = 4";
  writers fire(8, at_source(), spread);
  hanging_commits hanging(server());
  start();
  wait_until_snapshots_finish();
  EXPECT_GT(fire.committed(), 0);
  fire.stop();
  hanging.wait_for_nobody();
  wait_until_caught_up();
  expect_same_at_lite("spread", "spread");
  stop();
}

/// Making a slot waits for the longest transaction. What commits meanwhile, and hangs, is in no
/// stream and invisible to the first snapshots.
TEST_F(SnapshotUnderFire, ACommitThatHangsWhileTheSlotIsMadeIsNotLost) {
  make_items();
  source("CREATE PUBLICATION leat_shop FOR TABLE item");
  auto longest = server().session(source_database);
  longest.execute("BEGIN; UPDATE item SET n = 0 WHERE id = 1");
  server().set("synchronous_standby_names", "ghost");
  std::jthread meanwhile([&] {
    wait_until_slot_is_being_made();
    auto hung = server().session(source_database);
    hung.send("UPDATE item SET n = 999 WHERE id = 3");
    while (source_value("SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep'")
           == "0")
      std::this_thread::sleep_for(5ms);
    longest.execute("ROLLBACK");
    std::this_thread::sleep_for(400ms);
    server().set("synchronous_standby_names", "");
    hung.finish();
  });
  start();
  meanwhile.join();
  wait_until_caught_up();
  expect_same_at_lite("item", "item");
  stop();
}

/// PostgreSQL then fails to make it.
TEST_F(SnapshotUnderFire, AReloadWhileTheSlotIsMadeIsSurvived) {
  make_items();
  auto longest = server().session(source_database);
  longest.execute("BEGIN; UPDATE item SET n = 0 WHERE id = 1");
  std::jthread meanwhile([&] {
    wait_until_slot_is_being_made();
    server().set("work_mem", "5MB");
    longest.execute("COMMIT");
  });
  start();
  wait_until_caught_up();
  expect_same_at_lite("item", "item");
  stop();
}

/// A change made before its table was published is in no stream, however late it commits.
TEST_F(SnapshotUnderFire, ATransactionFromBeforeItsTableWasPublishedIsNotLost) {
  source("CREATE TABLE known (id int PRIMARY KEY, n int);"
         "CREATE TABLE added (id int PRIMARY KEY, n int);"
         "INSERT INTO added SELECT i, 0 FROM generate_series(1, 200) i");
  text.snapshot = "chunk_rows = 5";
  text.tables = R"(["public.known"])";
  catch_up();
  text.tables = R"(["public.known", "public.added"])";
  auto early = server().session(source_database);
  early.execute("BEGIN; UPDATE added SET n = 1 WHERE id % 10 = 0; SAVEPOINT s;"
                "INSERT INTO added VALUES (1000, 1)");
  start();
  auto late = server().session(source_database);
  late.execute("BEGIN; UPDATE added SET n = 2 WHERE id % 10 = 1; DELETE FROM added WHERE id = 5");
  std::this_thread::sleep_for(200ms);
  early.execute("DELETE FROM added WHERE id = 15; COMMIT");
  late.execute("COMMIT");
  wait_until_caught_up();
  expect_same("added");
  stop();
}

TEST_F(SnapshotUnderFire, AStreamFarBehindTheChunksTruncatesAndInsertsAgain) {
  source("CREATE TABLE filler (id int PRIMARY KEY, n int);"
         "INSERT INTO filler SELECT i, 0 FROM generate_series(1, 2000) i;"
         "CREATE TABLE item (id int PRIMARY KEY, n int);"
         "INSERT INTO item SELECT i, 0 FROM generate_series(1, 400) i");
  text.snapshot = "chunk_rows = 20";
  make_slot();
  // The snapshot reads `item` as it is at the end, while the stream works on the filler.
  const auto rounds = full_size() ? "400" : "30";
  source(std::string("DO 'BEGIN FOR i IN 1..") + rounds
         + " LOOP UPDATE filler SET n = i; COMMIT; END LOOP; END'");
  source("UPDATE item SET n = 1 WHERE id < 300; UPDATE item SET id = id + 1000 WHERE id % 5 = 0");
  source("TRUNCATE item");
  source("INSERT INTO item SELECT i, 2 FROM generate_series(1, 350) i");
  source("DELETE FROM item WHERE id % 7 = 0");
  source("BEGIN; TRUNCATE item; INSERT INTO item SELECT i, 3 FROM generate_series(100, 380) i;"
         "UPDATE item SET n = 4 WHERE id > 300; COMMIT");
  source("UPDATE item SET id = id - 300 WHERE id > 350; UPDATE item SET n = 5 WHERE id < 120");
  start();
  for (int round = 0; round < 3; ++round) {
    source("BEGIN; TRUNCATE item; INSERT INTO item SELECT i, 6 FROM generate_series(50, 250) i;"
           "COMMIT; DELETE FROM item WHERE id % 11 = 0; UPDATE item SET n = -id WHERE id % 3 = 0");
    source("UPDATE filler SET n = -1 WHERE id < 500");
  }
  wait_until_caught_up();
  expect_same("item");
  expect_same("filler");
  stop();
}

/// Each writer has keys of its own. A row wanders between `id` and `id + 10000`, several chunks
/// away, and its value that stays outside the row does not come with it.
TEST_F(SnapshotUnderFire, ToastedValuesFollowTheirKeysOverChunkBorders) {
  const int rows = full_size() ? 2000 : 400;
  source("CREATE TABLE wide (id int PRIMARY KEY, n int, big text, other text);"
         "ALTER TABLE wide ALTER big SET STORAGE EXTERNAL, ALTER other SET STORAGE EXTERNAL;"
         "INSERT INTO wide SELECT i + 10000 * (i % 2), 0, repeat(i || ' ', 1200), repeat('o', 2100)"
         " FROM generate_series(0, "
         + to_string(rows - 1) + ") i");
  text.snapshot = "chunk_rows = 6";
  writers fire(8, at_source(), [&](writer_seat& w) {
    const auto id = w.number + 8 * w.below(rows / 8);
    const auto near = to_string(id), far = to_string(id + 10000);
    const auto here = " WHERE id IN (" + near + ", " + far + ")";
    const auto move = "UPDATE wide SET id = 10000 + " + to_string(2 * id) + " - id" + here;
    const auto number = to_string(w.random() % 1'000'000);
    const int dice = w.below(20);
    w.session.execute("BEGIN");
    if (dice < 7)
      w.session.execute("UPDATE wide SET n = " + number + here);
    else if (dice < 14)
      w.session.execute(move);
    else if (dice < 16)
      w.session.execute("UPDATE wide SET other = repeat('" + number + "', 400)" + here);
    else if (dice < 18)
      w.session.execute(move + "; UPDATE wide SET n = " + number + here + "; " + move);
    else
      w.session.execute("DELETE FROM wide" + here + "; INSERT INTO wide VALUES (" + far
                        + ", 1, repeat('" + number + "', 500), '')");
    if (w.below(4) == 0) w.hold(100ms);
    w.session.execute("COMMIT");
    std::this_thread::sleep_for(4ms);
    return true;
  });
  start();
  wait_until_snapshots_finish();
  fire.stop();
  EXPECT_GT(fire.committed(), 0);
  wait_until_caught_up();
  expect_same("wide");
  stop();
}

} // namespace

} // namespace leat::test
