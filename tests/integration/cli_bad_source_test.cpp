#include <signal.h>

#include <thread>

#include "tests/integration/cli_fixture.hpp"
#include "tests/support/pg_client.hpp"

namespace leat::test {

namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

class CliBadSource : public cli_fixture {
 protected:
  /// Role "reader" that may log in, replicate and read; each test takes one right away.
  CliBadSource() {
    for (const auto* role : {"reader", "stranger"})
      if (server().value("SELECT 1 FROM pg_roles WHERE rolname = '" + std::string(role) + "'")
          != "")
        server().execute("DROP ROLE " + std::string(role));
    server().execute("CREATE ROLE reader LOGIN REPLICATION; CREATE ROLE stranger LOGIN");
    source("GRANT SELECT ON item TO reader; GRANT USAGE ON SCHEMA public TO reader;"
           "CREATE PUBLICATION leat_shop FOR TABLE item WITH (publish_via_partition_root = true)");
  }
  ~CliBadSource() override {
    server().create_database(source_database); // and with it what the roles were granted
    server().execute("DROP ROLE reader; DROP ROLE stranger");
  }

  static std::string url_of(const pg_server& at, const std::string& user,
                            const std::string& password = "") {
    return "source.url=postgresql://" + user + (password.empty() ? "" : ":" + password) + "@/"
           + source_database + "?host=" + at.socket_directory().string()
           + "&port=" + std::to_string(at.port());
  }
  std::vector<std::string> as(const std::string& user) const {
    return {"--set", url_of(server(), user)};
  }
  void expect_reader_fails(const std::string& what, const std::string& remedy) const {
    expect_run_fails(source_failed, what, remedy, as("reader"));
  }
  /// Runs once as the role that may everything, so that there is a state to go on from.
  void run_before() {
    catch_up();
    source("INSERT INTO item VALUES (100, 'later')");
  }
  void make_slot(const std::string& arguments) const {
    source("SELECT pg_create_logical_replication_slot('leat_shop', " + arguments + ")");
  }
};

TEST_F(CliBadSource, NothingMissingRuns) {
  auto arguments = as("reader");
  arguments.insert(arguments.end(), {"--until", "caught-up"});
  const auto ended = leat("run", arguments);
  EXPECT_EQ(ended.status.code, done) << ended.err;
}

TEST_F(CliBadSource, RoleThatDoesNotExist) {
  expect_run_fails(source_failed, "role \"nobody_here\" does not exist", "", as("nobody_here"));
}

TEST_F(CliBadSource, RoleWithoutLogin) {
  server().execute("ALTER ROLE reader NOLOGIN");
  expect_reader_fails("is not permitted to log in", "LOGIN");
}

TEST_F(CliBadSource, RoleWithoutReplication) {
  server().execute("ALTER ROLE reader NOREPLICATION");
  expect_reader_fails(server().version() < 160000 ? "replication role" : "REPLICATION attribute",
                      "leat check");
  const auto checked = leat("check", as("reader"));
  EXPECT_EQ(checked.status.code, found_something);
  EXPECT_THAT(checked.out, HasSubstr("ALTER ROLE \"reader\" REPLICATION;"));
}

TEST_F(CliBadSource, RoleWithoutSelect) {
  source("REVOKE SELECT ON item FROM reader");
  expect_reader_fails("permission denied for table item",
                      "GRANT SELECT ON TABLE \"public\".\"item\" TO \"reader\"");
  const auto checked = leat("check", as("reader"));
  EXPECT_EQ(checked.status.code, found_something);
  EXPECT_THAT(checked.out, HasSubstr("GRANT SELECT ON \"public\".\"item\" TO \"reader\";"));
}

TEST_F(CliBadSource, RoleWithoutUsage) {
  source("CREATE SCHEMA hidden; CREATE TABLE hidden.t (id int PRIMARY KEY);"
         "GRANT SELECT ON hidden.t TO reader; ALTER PUBLICATION leat_shop ADD TABLE hidden.t;"
         "INSERT INTO hidden.t VALUES (1)");
  text.tables = R"(["hidden.*"])";
  expect_reader_fails("permission denied for schema hidden",
                      "GRANT USAGE ON SCHEMA \"hidden\" TO \"reader\"");
  const auto checked = leat("check", as("reader"));
  EXPECT_EQ(checked.status.code, found_something);
  EXPECT_THAT(checked.out, HasSubstr("GRANT USAGE ON SCHEMA \"hidden\" TO \"reader\";"));
}

TEST_F(CliBadSource, RowLevelSecurityThatHidesRows) {
  source("ALTER TABLE item ENABLE ROW LEVEL SECURITY;"
         "CREATE POLICY low ON item TO reader USING (id < 5)");
  expect_reader_fails("row level security hides rows", "BYPASSRLS");
  const auto checked = leat("check", as("reader"));
  EXPECT_EQ(checked.status.code, found_something);
  EXPECT_THAT(checked.out, HasSubstr("BYPASSRLS;"));
}

TEST_F(CliBadSource, DatabaseThatDoesNotExist) {
  expect_run_fails(source_failed, "database \"nowhere\" does not exist", "database name",
                   {"--set", "source.url=" + server().url("nowhere")});
}

TEST_F(CliBadSource, PublicationThatLacksATable) {
  source("ALTER PUBLICATION leat_shop DROP TABLE item");
  expect_reader_fails("leat_shop", "ALTER PUBLICATION \"leat_shop\" ADD TABLE");
}

TEST_F(CliBadSource, PublicationThatLacksAnOperation) {
  source("ALTER PUBLICATION leat_shop SET (publish = 'insert, update')");
  expect_run_fails(source_failed, "delete", "ALTER PUBLICATION \"leat_shop\" SET");
}

TEST_F(CliBadSource, MissingPublicationThatTheRoleMayNotMake) {
  source("DROP PUBLICATION leat_shop");
  expect_reader_fails("", "CREATE PUBLICATION \"leat_shop\" FOR TABLE");
}

TEST_F(CliBadSource, TableWithoutIdentity) {
  source("CREATE TABLE log (line text); INSERT INTO log VALUES ('a')");
  expect_run_fails(usage, "table public.log", "REPLICA IDENTITY FULL");
}

TEST_F(CliBadSource, SlotOfAnotherPlugin) {
  make_slot("'test_decoding'");
  expect_run_fails(source_failed, "uses the output plugin test_decoding", "another name");
}

TEST_F(CliBadSource, SlotThatIsPhysical) {
  source("SELECT pg_create_physical_replication_slot('leat_shop')");
  expect_run_fails(source_failed, "is physical", "another name");
  source("SELECT pg_drop_replication_slot('leat_shop')");
}

TEST_F(CliBadSource, SlotOfAnotherDatabase) {
  server().execute("SELECT pg_create_logical_replication_slot('leat_shop', 'pgoutput')",
                   target_database);
  expect_run_fails(source_failed, "belongs to database \"target\"", "another name");
  server().execute("SELECT pg_drop_replication_slot('leat_shop')", target_database);
}

TEST_F(CliBadSource, SlotWithTwoPhase) {
  if (server().version() < 140000) GTEST_SKIP() << "two_phase came with 14";
  make_slot("'pgoutput', false, true");
  expect_run_fails(source_failed, "two_phase", "another name");
}

TEST_F(CliBadSource, SlotInUseByAnother) {
  make_slot("'pgoutput'");
  process other({pg_client("pg_recvlogical"), "-d", server().conninfo(source_database), "-S",
                 "leat_shop", "--start", "-o", "proto_version=1", "-o",
                 "publication_names=leat_shop", "-f", "/dev/null"});
  wait_until("the slot is not taken", [&] {
    return source_value("SELECT active FROM pg_replication_slots WHERE slot_name = 'leat_shop'")
           == "t";
  });
  expect_run_fails(source_failed, "is in use by process", "pg_terminate_backend");
  other.kill();
}

TEST_F(CliBadSource, SlotThatIsGone) {
  run_before();
  source("SELECT pg_drop_replication_slot('leat_shop')");
  expect_refused(source_failed, "the slot is gone", "leat drop");
}

TEST_F(CliBadSource, SlotThatIsLost) {
  run_before();
  server().set("max_slot_wal_keep_size", "1MB");
  for (int i = 0; i < 4; ++i)
    source("SELECT pg_logical_emit_message(false, 'x', 'y'); SELECT pg_switch_wal(); CHECKPOINT");
  server().set("max_slot_wal_keep_size", "-1");
  expect_refused(source_failed, "is lost", "leat drop");
}

TEST_F(CliBadSource, PublicationThatWasDroppedUnderTheSlot) {
  run_before();
  source("DROP PUBLICATION leat_shop; INSERT INTO item VALUES (101, 'unpublished')");
  expect_run_fails(source_failed, "leat_shop", "leat drop");
}

TEST_F(CliBadSource, SlotThatWasMovedOn) {
  run_before();
  source("SELECT pg_replication_slot_advance('leat_shop', pg_current_wal_lsn())");
  expect_refused(state_failed, "the slot was confirmed up to", "leat drop");
}

TEST_F(CliBadSource, SlotThatWasMovedOnWhileLeatWasDisconnected) {
  start();
  wait_until_caught_up();
  signal(SIGSTOP);
  source("INSERT INTO item VALUES (101, 'never read');"
         "SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots");
  wait_until("the slot is in use",
             [&] { return source_value("SELECT active FROM pg_replication_slots") == "f"; });
  source("SELECT pg_replication_slot_advance('leat_shop', pg_current_wal_lsn())");
  signal(SIGCONT);
  expect_error(wait_until_ended(), state_failed, "the slot was confirmed up to", "leat drop");
}

TEST_F(CliBadSource, AnotherDatabase) {
  run_before();
  server().execute("CREATE TABLE item (id int PRIMARY KEY, name text)", target_database);
  expect_refused(source_failed, "the source is not the one that the state belongs to",
                 "point it at the right server",
                 {"--set", "source.url=" + server().url(target_database)});
}

/// The server removes WAL that the slot of a running pipeline needs.
class CliLostSlot : public CliBadSource {
 protected:
  CliLostSlot() {
    text.sinks = {
        {"pg", "connector = \"postgres\"\nurl = \"" + server().url(target_database) + "\""}};
  }
  ~CliLostSlot() override { server().set("max_slot_wal_keep_size", "-1"); }
  void lose_slot() const {
    server().set("max_slot_wal_keep_size", "1MB");
    wait_until("the slot is not lost", [&] {
      source("SELECT pg_logical_emit_message(false, 'x', 'y'); SELECT pg_switch_wal(); CHECKPOINT");
      return source_value("SELECT wal_status FROM pg_replication_slots") == "lost";
    });
  }
  void expect_it_ends() {
    // From 17 on the server tells what it lacks, too: "is lost (wal_removed): ...".
    expect_error(wait_until_ended(), source_failed,
                 "the server has removed WAL that leat has not read", "leat drop");
    expect_refused(source_failed, "is lost", "max_slot_wal_keep_size");
  }
};

TEST_F(CliLostSlot, WhileItIsStreamedFromEndsTheRun) {
  start();
  wait_until_caught_up();
  auto target = server().session(target_database);
  target.execute("BEGIN; LOCK TABLE item IN SHARE MODE");
  source("UPDATE item SET name = 'never confirmed'");
  lose_slot();
  expect_it_ends();
}

TEST_F(CliLostSlot, WhileLeatIsAwayForAMomentEndsTheRun) {
  start();
  wait_until_caught_up();
  signal(SIGSTOP);
  source("UPDATE item SET name = 'never read'");
  lose_slot();
  signal(SIGCONT);
  expect_it_ends();
}

/// A server with a certificate that it signed itself.
class CliTls : public CliBadSource {
 protected:
  CliTls() {
    at().create_database(source_database);
    at().execute("CREATE TABLE item (id int PRIMARY KEY, name text)", source_database);
  }
  static pg_server& at() {
    static pg_server made({.settings = {}, .tcp = true, .tls = true});
    return made;
  }
  static std::string certificate() { return (at().data() / "server.crt").string(); }
  std::vector<std::string> over(const std::string& options) const {
    return {"--set",
            "source.url=postgresql://postgres@127.0.0.1:" + std::to_string(at().port()) + "/"
                + source_database + "?" + options,
            "--until", "caught-up"};
  }
};

TEST_F(CliTls, ACertificateThatItsCaVouchesForRuns) {
  const auto ended = leat("run", over("sslmode=verify-ca&sslrootcert=" + certificate()));
  EXPECT_EQ(ended.status.code, done) << ended.err;
}

TEST_F(CliTls, WhatCannotBeTrustedIsRefusedWithTheOptionThatMendsIt) {
  const auto other = (directory() / "other.crt").string();
  ASSERT_EQ(
      test::run({"openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj",
                 "/CN=another", "-keyout", (directory() / "other.key").string(), "-out", other})
          .status.code,
      0);
  const std::string ca = "sslrootcert=";
  expect_run_fails(source_failed, "certificate verify failed", "`sslrootcert`",
                   over("sslmode=verify-ca&" + ca + other));
  expect_run_fails(source_failed, "does not exist", "`sslrootcert`",
                   over("sslmode=verify-ca&" + ca + (directory() / "nowhere.crt").string()));
  expect_run_fails(source_failed, "does not match host name", "verify-ca",
                   over("sslmode=verify-full&" + ca + certificate()));
  expect_run_fails(source_failed, "invalid sslmode value", "correct it", over("sslmode=always"));
  at().execute("ALTER SYSTEM SET ssl = off");
  at().execute("SELECT pg_reload_conf()");
  wait_until("TLS is still on", [] { return at().value("SHOW ssl") == "off"; });
  expect_run_fails(source_failed, "server does not support SSL", "`ssl = on`",
                   over("sslmode=require"));
}

/// What needs a server with settings of its own.
class CliOtherServer : public CliBadSource {
 protected:
  static pg_server& replica_level() {
    static pg_server made(options());
    return made;
  }
  static pg_server_options options() {
    pg_server_options o;
    o.settings["wal_level"] = "replica";
    return o;
  }
};

TEST_F(CliOtherServer, WalLevelReplica) {
  replica_level().create_database(source_database);
  replica_level().execute("CREATE TABLE item (id int PRIMARY KEY)", source_database);
  expect_run_fails(source_failed, "wal_level", "wal_level = 'logical'",
                   {"--set", url_of(replica_level(), "postgres")});
  const auto checked = leat("check", {"--set", url_of(replica_level(), "postgres")});
  EXPECT_EQ(checked.status.code, found_something);
  EXPECT_THAT(checked.out, HasSubstr("ALTER SYSTEM SET wal_level = 'logical'"));
}

TEST_F(CliOtherServer, WrongPasswordIsNeverPrinted) {
  auto& at = replica_level();
  at.create_database(source_database);
  at.execute("DROP ROLE IF EXISTS secretive; CREATE ROLE secretive LOGIN PASSWORD 'right'");
  const auto hba = at.data() / "pg_hba.conf";
  write(hba, "local all secretive scram-sha-256\n" + read_file(hba));
  at.execute("SELECT pg_reload_conf()");
  std::this_thread::sleep_for(200ms);
  for (const auto* command : {"run", "plan"}) {
    const auto ended = leat(command, {"--set", url_of(at, "secretive", "hunter2")});
    expect_error(ended, source_failed, "password authentication failed", "check user and password");
    EXPECT_EQ(ended.err.find("hunter2"), std::string::npos) << ended.err;
  }
  const auto checked = leat("check", {"--set", url_of(at, "secretive", "hunter2")});
  EXPECT_EQ(checked.status.code, found_something);
  EXPECT_EQ(checked.out.find("hunter2"), std::string::npos) << checked.out;
}

TEST_F(CliOtherServer, AnotherClusterWithADatabaseOfThisName) {
  run_before();
  pg_server_options options;
  options.bin = pg_bin() / "."; // the servers of one path are copies of one cluster
  pg_server other(options);
  other.create_database(source_database);
  other.execute("CREATE TABLE item (id int PRIMARY KEY, name text)", source_database);
  expect_refused(source_failed, "the source is not the one that the state belongs to",
                 "point it at the right server", {"--set", url_of(other, "postgres")});
  EXPECT_EQ(other.value("SELECT count(*) FROM pg_replication_slots"), "0");
}

TEST_F(CliOtherServer, ServerThatWasFailedOver) {
  pg_server promoted;
  promoted.create_database(source_database);
  promoted.execute("CREATE TABLE item (id int PRIMARY KEY, name text)", source_database);
  const auto there = url_of(promoted, "postgres");
  process child({leat_program(), "run", write_file(), "--until", "caught-up", "--set", there});
  wait_until("the first run does not end", [&] {
    promoted.execute("SELECT pg_logical_emit_message(true, 'nudge', '')", source_database);
    return !child.running();
  });
  EXPECT_EQ(child.wait(0ms)->code, done) << child.err();
  promoted.stop();
  write(promoted.data() / "standby.signal", "");
  promoted.start();
  promoted.execute("SELECT pg_promote()");
  expect_refused(source_failed, "timeline 2 database source, the state has",
                 "after a failover begin anew", {"--set", there});
}

/// A server that is down is no error: it is waited for.
TEST_F(CliOtherServer, ServerThatIsDownAtTheStartIsWaitedFor) {
  pg_server late;
  late.create_database(source_database);
  late.execute(
      "CREATE TABLE item (id int PRIMARY KEY, name text); INSERT INTO item VALUES (7, 'x')",
      source_database);
  late.stop();
  process child({leat_program(), "run", write_file(), "--until", "caught-up", "--set",
                 url_of(late, "postgres")});
  wait_until("it does not say that it tries again",
             [&] { return child.err().find("beginning again in") != std::string::npos; });
  EXPECT_TRUE(child.running());
  late.start();
  const auto deadline = std::chrono::steady_clock::now() + 30s;
  while (child.running() && std::chrono::steady_clock::now() < deadline) {
    late.execute("SELECT pg_logical_emit_message(true, 'nudge', '')", source_database);
    std::this_thread::sleep_for(100ms);
  }
  const auto ended = child.wait(0ms);
  ASSERT_TRUE(ended.has_value()) << child.err();
  EXPECT_EQ(ended->code, done) << child.err();
  EXPECT_EQ(lite("SELECT id FROM item")[0][0], "7");
}

/// A clean end is possible while nothing can be reached.
TEST_F(CliOtherServer, EndsOnSignalWhileTheServerIsDown) {
  process child({leat_program(), "run", write_file(), "--set",
                 "source.url=postgresql://postgres@/source?host=/nowhere"});
  wait_until("it does not say that it tries again",
             [&] { return child.err().find("beginning again in") != std::string::npos; });
  child.signal(SIGTERM);
  const auto ended = child.wait(10s);
  ASSERT_TRUE(ended.has_value()) << child.err();
  EXPECT_EQ(ended->code, done) << child.err();
}

} // namespace

} // namespace leat::test
