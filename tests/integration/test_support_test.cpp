#include <gtest/gtest.h>
#include <signal.h>

#include <sqlite3.h>

#include <chrono>

#include "tests/support/pg_server.hpp"
#include "tests/support/sqlite_reader.hpp"

using namespace leat::test;
using namespace std::chrono_literals;

TEST(TestSupport, AServerKeepsWhatWasCommittedThroughARestartAndACrash) {
  pg_server server;
  server.create_database("shop");
  server.execute("CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t VALUES (1)", "shop");
  server.restart();
  server.execute("INSERT INTO t VALUES (2); CHECKPOINT", "shop");
  server.crash();
  server.start();
  EXPECT_EQ(server.value("SELECT string_agg(id::text, ',' ORDER BY id) FROM t", "shop"), "1,2");
  EXPECT_EQ(server.value("SHOW wal_level"), "logical");
}

TEST(TestSupport, ADatabaseIsMadeAnewThoughItHadASlotAndASession) {
  pg_server server({.settings = {{"work_mem", "1MB"}}, .tcp = true});
  server.create_database("shop");
  auto session = pg_session(server.tcp_conninfo("shop"));
  session.execute("SELECT pg_create_logical_replication_slot('s', 'pgoutput'); CREATE TABLE t ()");
  server.create_database("shop");
  EXPECT_EQ(server.value("SELECT count(*) FROM pg_replication_slots"), "0");
  EXPECT_EQ(server.value("SELECT count(*) FROM pg_class WHERE relname = 't'", "shop"), "0");
  EXPECT_EQ(server.value("SHOW work_mem"), "1MB");
}

TEST(TestSupport, ARefusedStatementThrowsWithItsSqlstate) {
  pg_server server;
  try {
    server.execute("SELECT * FROM nothing");
    FAIL();
  } catch (const pg_failure& failure) {
    EXPECT_EQ(failure.sqlstate, "42P01");
  }
}

TEST(TestSupport, TheServerEndsAndItsFilesGoWithItsObject) {
  std::filesystem::path where;
  pid_t pid = 0;
  {
    pg_server server;
    where = server.socket_directory();
    pid = server.pid();
  }
  EXPECT_FALSE(std::filesystem::exists(where));
  EXPECT_EQ(::kill(pid, 0), -1);
}

TEST(TestSupport, AProcessGivesItsOutputItsExitCodeAndItsTime) {
  process_options options;
  options.environment["WORD"] = "w";
  const auto done = run({"sh", "-c", "echo out; echo err >&2; echo $WORD; exit 3"}, options);
  EXPECT_EQ(done.status.code, 3);
  EXPECT_EQ(done.out, "out\nw\n");
  EXPECT_EQ(done.err, "err\n");
  EXPECT_GT(done.status.max_rss_kib, 0);
}

TEST(TestSupport, AProcessThatDoesNotEndIsKilledAtItsDeadline) {
  const auto done = run({"sleep", "100"}, {}, 50ms);
  EXPECT_TRUE(done.timed_out);
  EXPECT_EQ(done.status.signal, SIGKILL);
}

TEST(TestSupport, SqliteValuesAreReadAsText) {
  const temp_directory directory;
  sqlite3* writer = nullptr;
  ASSERT_EQ(sqlite3_open((directory / "x.db").c_str(), &writer), SQLITE_OK);
  ASSERT_EQ(sqlite3_exec(writer,
                         "CREATE TABLE \"a b\" (i INTEGER, t TEXT, b BLOB);"
                         "INSERT INTO \"a b\" VALUES (2, 'zwei', x'00ff'), (1, NULL, '')",
                         nullptr, nullptr, nullptr),
            SQLITE_OK);
  sqlite3_close(writer);
  sqlite_reader reader(directory / "x.db");
  EXPECT_TRUE(reader.has_table("a b"));
  EXPECT_EQ(reader.rows("a b", {"i", "t", "b"}),
            (text_rows{{"1", std::nullopt, ""}, {"2", "zwei", "\\x00ff"}}));
}
