#include <chrono>
#include <thread>

#include "tests/support/pipeline_fixture.hpp"

namespace leat::test {

namespace {

using namespace std::chrono_literals;

/// What a server does to a pipeline that runs: docs/cases.md, 35 to 42.
class ServerCase : public pipeline_fixture {
 protected:
  ServerCase() {
    source("CREATE TABLE item (id int PRIMARY KEY, v text);"
           "INSERT INTO item SELECT i, 'v' || i FROM generate_series(1, 300) i");
  }

  void write(int round) const {
    const auto n = std::to_string(round);
    source("UPDATE item SET v = 'r" + n + "' WHERE id % 7 = " + n + "; DELETE FROM item WHERE id = "
           + n + "; INSERT INTO item VALUES (1000 + " + n + ", 'new')");
  }
  void finish() {
    wait_until_caught_up();
    expect_same("item");
    stop();
  }
  static std::string confirmed() {
    return server().value("SELECT confirmed_flush_lsn FROM pg_replication_slots"
                          " WHERE slot_name = 'leat_shop'");
  }
};

TEST_F(ServerCase, ACrashTakesBackWhatWasConfirmedButNothingIsAppliedTwice) {
  text.routes.push_back("from = \"public.item\"\nsink = \"lite\"\nto = \"log\"\nmode = \"append\"");
  start();
  wait_until_caught_up();
  for (int round = 1; round <= 3; ++round) {
    write(round);
    if (round == 2) wait_until_caught_up();
    server().crash();
    server().start();
  }
  write(4);
  wait_until_caught_up();
  const auto inserted = lite("SELECT id FROM log WHERE _leat_op = 'i'");
  EXPECT_EQ(inserted, (text_rows{{"1001"}, {"1002"}, {"1003"}, {"1004"}}));
  finish();
}

TEST_F(ServerCase, ARestartDuringALargeTransactionLosesNothing) {
  server().set("logical_decoding_work_mem", "64kB");
  start();
  auto large = server().session(source_database);
  large.execute("BEGIN; INSERT INTO item SELECT i, 'lost' FROM generate_series(5000, 9000) i");
  write(1);
  server().restart();
  source("INSERT INTO item SELECT i, 'kept' FROM generate_series(6000, 9000) i");
  write(2);
  server().restart(pg_stop::immediate);
  write(3);
  finish();
  server().set("logical_decoding_work_mem", "64MB");
}

TEST_F(ServerCase, AKilledWalsenderIsFollowedByAnother) {
  start();
  for (int round = 1; round <= 6; ++round) {
    write(round);
    server().execute("SELECT pg_terminate_backend(pid) FROM pg_stat_replication");
    std::this_thread::sleep_for(30ms);
  }
  finish();
}

TEST_F(ServerCase, ATargetThatIsLostNowAndThenIsTriedAgainAtOnce) {
  start();
  for (int round = 1; round <= 5; ++round) {
    wait_until_caught_up();
    server().execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'target'");
    write(round);
  }
  wait_until_caught_up();
  EXPECT_NE(log().find("beginning again in 100 ms"), std::string::npos) << log();
  EXPECT_EQ(log().find("beginning again in 400 ms"), std::string::npos) << log();
  finish();
}

TEST_F(ServerCase, TheServerShutsDownWhileATargetIsStuck) {
  pg_server target;
  text.sinks["pg"] = "connector = \"postgres\"\nurl = \"" + target.url() + "\"";
  start();
  wait_until_caught_up();
  auto lock = target.session();
  lock.execute("BEGIN; LOCK TABLE item");
  write(1);
  wait_until("the change does not come",
             [&] { return lite("SELECT id FROM item WHERE id = 1001").size() == 1; });
  const auto before = std::chrono::steady_clock::now();
  server().stop();
  EXPECT_LT(std::chrono::steady_clock::now() - before, 10s);
  server().start();
  lock.execute("COMMIT");
  write(2);
  wait_until_caught_up();
  expect_same_at_lite("item", "item");
  EXPECT_EQ(target.query("SELECT id, v FROM item ORDER BY id"),
            source_rows("SELECT id, v FROM item ORDER BY id"));
  stop();
}

TEST_F(ServerCase, AnIdleSlotMovesWithTheTrafficOfOtherDatabases) {
  server().create_database("elsewhere");
  server().execute("CREATE TABLE t (v text)", "elsewhere");
  start();
  wait_until_caught_up();
  server().execute("INSERT INTO t SELECT repeat('x', 1000) FROM generate_series(1, 1000)",
                   "elsewhere");
  const auto target = server().value("SELECT pg_current_wal_lsn()");
  wait_until("the slot stays where it is", [&] {
    server().execute("INSERT INTO t VALUES ('more')", "elsewhere");
    return server().value("SELECT '" + confirmed() + "'::pg_lsn >= '" + target + "'::pg_lsn")
           == "t";
  });
  stop();
  server().execute("DROP DATABASE elsewhere");
}

TEST_F(ServerCase, SettingsOfRolesDatabasesAndServersReachNoValue) {
  const auto values = "(date '2024-02-29', timestamptz '2024-02-29 12:34:56.789+05:30',"
                      " interval '1 year -3 days 04:05:06', '\\x00ff5c27'::bytea,"
                      " 0.1::float8 + 0.2::float8, '12.50'::money, E'\\u20ac')";
  const auto insert = [&](int id) {
    source("SET client_encoding = UTF8; INSERT INTO value SELECT " + std::to_string(id)
           + ", v.* FROM (VALUES " + values + ") v");
  };
  source("CREATE TABLE value (id int PRIMARY KEY, d date, t timestamptz, i interval, b bytea,"
         " f float8, m money, e text)");
  insert(1);
  const auto postgres_in_source = "ALTER ROLE postgres IN DATABASE source ";
  source("ALTER DATABASE source SET DateStyle = 'German, DMY';"
         "ALTER DATABASE source SET client_encoding = LATIN1;"
         "ALTER DATABASE source SET extra_float_digits = 0");
  source(postgres_in_source + std::string("SET TimeZone = 'Asia/Kolkata'"));
  start();
  wait_until_caught_up();
  insert(2);
  source(postgres_in_source + std::string("SET bytea_output = escape"));
  server().set("IntervalStyle", "iso_8601");
  server().set("DateStyle", "SQL, MDY");
  insert(3);
  server().execute("SELECT pg_terminate_backend(pid) FROM pg_stat_replication");
  insert(4);
  wait_until_caught_up();
  server().set("IntervalStyle", "postgres");
  server().set("DateStyle", "ISO, MDY");
  const text_row expected = {"2024-02-29",
                             "2024-02-29 07:04:56.789+00",
                             "1 year -3 days +04:05:06",
                             "\\x00ff5c27",
                             "1",
                             "$12.50",
                             "€"};
  EXPECT_EQ(lite("SELECT d, t, i, b, f = 0.1 + 0.2, m, e FROM value"), text_rows(4, expected));
  EXPECT_EQ(pg("SELECT count(*) FROM value WHERE (d, t, i, b, f, m, e) = " + std::string(values)),
            (text_rows{{"4"}}));
  stop();
}

/// Every limit in time that a role or a database can set, at one second, at both ends.
class HurriedRole : public ServerCase {
 protected:
  HurriedRole() {
    for (const auto* database : {source_database, target_database})
      for (const auto& [name, since] : limits)
        if (server().version() >= since)
          server().execute("ALTER ROLE postgres IN DATABASE " + std::string(database) + " SET "
                           + name + " = '1s'");
  }
  static constexpr std::pair<const char*, int> limits[] = {
      {"statement_timeout", 0},         {"lock_timeout", 0},
      {"idle_session_timeout", 140000}, {"idle_in_transaction_session_timeout", 0},
      {"transaction_timeout", 170000},
  };
  static constexpr auto longer = 2200ms;

  /// A session that has none of the limits.
  static pg_session patient(const char* database) {
    auto session = server().session(database);
    for (const auto& [name, since] : limits)
      if (server().version() >= since) session.execute("SET " + std::string(name) + " = 0");
    return session;
  }
};

TEST_F(HurriedRole, CutsOffNeitherSlotNorSnapshotNorStreamNorTarget) {
  text.snapshot = "chunk_rows = 100\nwhere = { \"public.item\" = \"id % 100 <> 1 OR "
                  "pg_sleep(1.5) IS NOT NULL\" }";
  auto writer = patient(source_database);
  auto locker = patient(target_database);
  writer.execute("BEGIN; INSERT INTO item VALUES (900, 'the making of the slot waits for it')");
  launch();
  std::this_thread::sleep_for(longer);
  writer.execute("COMMIT");
  wait_until("it does not start", [&] { return status().find("running") != std::string::npos; });
  wait_until_caught_up();
  std::this_thread::sleep_for(longer); // nothing is to be done
  locker.execute("BEGIN; LOCK TABLE item IN SHARE MODE");
  writer.execute("INSERT INTO item SELECT i, repeat('x', 100) FROM generate_series(1000, 61000) i");
  std::this_thread::sleep_for(longer);
  locker.execute("COMMIT");
  wait_until_caught_up();
  EXPECT_EQ(log().find("timeout"), std::string::npos) << log();
  EXPECT_EQ(log().find(" again"), std::string::npos) << log();
  finish();
}

} // namespace

} // namespace leat::test
