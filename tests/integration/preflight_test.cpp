#include "plugins/postgres/preflight.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <set>

#include "plugins/postgres/slot.hpp"
#include "tests/support/pg_server.hpp"

namespace leat::postgres {
namespace {

using leat::test::pg_server;
using leat::test::pg_server_options;
using testing::HasSubstr;
using testing::IsEmpty;

pg_server& server() {
  static pg_server instance;
  return instance;
}

/// A pipeline over schema "app" of a server that lacks nothing; each test takes something away.
class Preflight : public testing::Test {
 protected:
  Preflight() {
    server().create_database("shop");
    server().execute("DROP ROLE IF EXISTS \"Le at\"; CREATE ROLE \"Le at\" LOGIN REPLICATION");
    run("CREATE SCHEMA app; CREATE TABLE app.t (id int PRIMARY KEY, v text);"
        "GRANT USAGE ON SCHEMA app TO \"Le at\"; GRANT SELECT ON app.t TO \"Le at\";"
        "CREATE PUBLICATION leat_shop FOR TABLE app.t WITH (publish_via_partition_root = true)");
  }
  void run(const std::string& sql) { server().execute(sql, "shop"); }
  preflight_request request() const { return request_at(server(), "shop"); }
  static preflight_request request_at(const pg_server& at, const std::string& database) {
    preflight_request r;
    r.connection = at.parameters(database);
    r.connection["user"] = "Le at";
    r.slot = "leat_shop";
    r.publication = "leat_shop";
    r.application = "leat:42";
    r.wants = [](std::string_view schema, std::string_view) { return schema == "app"; };
    return r;
  }
  std::vector<finding> found(const std::string& check) const { return found(request(), check); }
  static std::vector<finding> found(const preflight_request& r, const std::string& check) {
    auto all = preflight(r);
    std::erase_if(all, [&](const auto& f) { return f.check != check; });
    return all;
  }
  /// The one thing that a check finds.
  finding one(const std::string& check) const { return one(request(), check); }
  static finding one(const preflight_request& r, const std::string& check) {
    const auto all = found(r, check);
    if (all.size() == 1) return all[0];
    std::string text = std::to_string(all.size()) + " findings of " + check;
    for (const auto& f : all) text += "\n" + f.what;
    throw std::runtime_error(text);
  }
};

/// A server of its own, for settings that need a restart or harm others.
class PreflightServer : public Preflight {
 protected:
  static std::unique_ptr<pg_server> make(std::map<std::string, std::string> settings) {
    pg_server_options options;
    options.settings = std::move(settings);
    auto made = std::make_unique<pg_server>(options);
    made->execute(
        "CREATE ROLE \"Le at\" LOGIN REPLICATION; CREATE SCHEMA app;"
        "CREATE TABLE app.t (id int PRIMARY KEY); GRANT USAGE ON SCHEMA app TO \"Le at\";"
        "GRANT SELECT ON app.t TO \"Le at\"; CREATE PUBLICATION leat_shop FOR TABLE app.t");
    return made;
  }
  static finding one(const pg_server& at, const std::string& check) {
    return Preflight::one(request_at(at, "postgres"), check);
  }
};

TEST_F(Preflight, FindsNoFaultInASourceThatLacksNothing) {
  for (const auto& f : preflight(request()))
    EXPECT_EQ(f.level, severity::note) << f.check << ": " << f.what;
}

TEST_F(Preflight, EveryCheckHasANameOfItsOwnAndASentence) {
  std::set<std::string_view> names;
  for (const auto& check : preflight_checks()) {
    EXPECT_TRUE(names.insert(check.name).second) << check.name;
    EXPECT_TRUE(check.sentence.ends_with(".")) << check.name;
  }
  EXPECT_GT(names.size(), 30U);
}

TEST_F(Preflight, ChangesNothing) {
  run("CREATE TABLE app.keyless (id int)");
  const auto before = server().value("SELECT pg_snapshot_xmax(pg_current_snapshot())");
  EXPECT_FALSE(preflight(request()).empty());
  EXPECT_EQ(server().value("SELECT pg_snapshot_xmax(pg_current_snapshot())"), before);
  EXPECT_EQ(server().value("SELECT count(*) FROM pg_replication_slots WHERE database = 'shop'"),
            "0");
}

TEST_F(Preflight, SaysThatNobodyAnswers) {
  auto r = request();
  r.connection["port"] = "1";
  const auto f = one(r, "connection");
  EXPECT_EQ(f.level, severity::error);
  EXPECT_THAT(f.remedy, HasSubstr("host and port"));
}

TEST_F(Preflight, RoleWithoutLogin) {
  run("ALTER ROLE \"Le at\" NOLOGIN");
  EXPECT_EQ(one("connection").remedy, "ALTER ROLE \"Le at\" LOGIN;");
}

TEST_F(Preflight, RoleThatMayNotConnect) {
  run("REVOKE CONNECT ON DATABASE shop FROM PUBLIC");
  EXPECT_EQ(one("connection").remedy, "GRANT CONNECT ON DATABASE \"shop\" TO \"Le at\";");
}

TEST_F(Preflight, AnUrlIsNotShown) {
  run("ALTER ROLE \"Le at\" NOLOGIN");
  auto r = request();
  r.connection = {
      {"dbname", "postgresql:///shop?host=" + server().socket_directory().string()
                     + "&user=Le%20at&password=hush&port=" + std::to_string(server().port())}};
  const auto f = one(r, "connection");
  EXPECT_EQ(f.remedy, "ALTER ROLE \"Le at\" LOGIN;");
  EXPECT_EQ((f.what + f.where + f.remedy).find("hush"), std::string::npos);
}

TEST_F(Preflight, RoleWithoutReplication) {
  run("ALTER ROLE \"Le at\" NOREPLICATION");
  EXPECT_EQ(one("replication_right").remedy, "ALTER ROLE \"Le at\" REPLICATION;");
  EXPECT_THAT(found("replication_connection"), IsEmpty()) << "said once";
  run(one("replication_right").remedy);
  EXPECT_THAT(found("replication_right"), IsEmpty());
}

TEST_F(Preflight, PasswordThatExpires) {
  run("ALTER ROLE \"Le at\" VALID UNTIL '" + server().value("SELECT now() + '1 day'") + "'");
  EXPECT_EQ(one("password_age").remedy, "ALTER ROLE \"Le at\" VALID UNTIL 'infinity';");
}

TEST_F(Preflight, SettingsOfTheRoleDoNotReachTheSessions) {
  run("ALTER ROLE \"Le at\" SET DateStyle = 'German'; ALTER ROLE \"Le at\" SET TimeZone = "
      "'Asia/Tokyo'");
  EXPECT_THAT(found("session_settings"), IsEmpty());
}

TEST_F(Preflight, MissingRightsComeAsGrants) {
  run("REVOKE USAGE ON SCHEMA app FROM \"Le at\"; REVOKE SELECT ON app.t FROM \"Le at\"");
  const auto rights = found("rights");
  ASSERT_EQ(rights.size(), 2U);
  EXPECT_EQ(rights[0].remedy, "GRANT USAGE ON SCHEMA \"app\" TO \"Le at\";");
  EXPECT_EQ(rights[1].remedy, "GRANT SELECT ON \"app\".\"t\" TO \"Le at\";");
  for (const auto& f : rights) run(f.remedy);
  EXPECT_THAT(found("rights"), IsEmpty());
}

TEST_F(Preflight, RowLevelSecurity) {
  run("ALTER TABLE app.t ENABLE ROW LEVEL SECURITY");
  EXPECT_EQ(one("row_security").remedy, "ALTER ROLE \"Le at\" BYPASSRLS;");
  run(one("row_security").remedy);
  EXPECT_THAT(found("row_security"), IsEmpty());
}

TEST_F(Preflight, NoTableAtAll) {
  auto r = request();
  r.wants = [](auto, auto) { return false; };
  EXPECT_EQ(one(r, "tables").level, severity::error);
}

TEST_F(Preflight, NamesWhatCannotBePublished) {
  run("CREATE UNLOGGED TABLE app.\"un\"\"logged\" (id int); CREATE VIEW app.v AS SELECT 1;"
      "CREATE MATERIALIZED VIEW app.m AS SELECT 1; CREATE FOREIGN DATA WRAPPER w;"
      "CREATE SERVER s FOREIGN DATA WRAPPER w; CREATE FOREIGN TABLE app.f (id int) SERVER s");
  const auto kinds = found("kinds");
  ASSERT_EQ(kinds.size(), 4U);
  EXPECT_EQ(kinds[0].where, "\"app\".\"f\"");
  EXPECT_EQ(kinds[0].level, severity::warning);
  EXPECT_EQ(kinds[1].level, severity::note);
  EXPECT_EQ(kinds[2].remedy, "ALTER TABLE \"app\".\"un\"\"logged\" SET LOGGED;");
  EXPECT_EQ(kinds[3].where, "\"app\".\"v\"");
}

TEST_F(Preflight, APartitionIsDeliveredUnderItsRoot) {
  run("CREATE SCHEMA roots; CREATE TABLE roots.r (id int PRIMARY KEY) PARTITION BY RANGE (id);"
      "CREATE TABLE app.leaf PARTITION OF roots.r FOR VALUES FROM (0) TO (10)");
  EXPECT_EQ(one("kinds").remedy, "name its root \"roots.r\" in `tables`");
  auto r = request();
  r.wants = [](std::string_view schema, auto) { return schema == "app" || schema == "roots"; };
  EXPECT_THAT(found(r, "kinds"), IsEmpty());
}

TEST_F(Preflight, PartitionsWhoseChangesAreNotInTheWal) {
  run("CREATE TABLE app.r (id int) PARTITION BY RANGE (id); ALTER TABLE app.r REPLICA IDENTITY "
      "FULL;"
      "CREATE FOREIGN DATA WRAPPER w; CREATE SERVER s FOREIGN DATA WRAPPER w;"
      "CREATE FOREIGN TABLE app.r_1 PARTITION OF app.r FOR VALUES FROM (0) TO (10) SERVER s;"
      "CREATE UNLOGGED TABLE app.r_2 PARTITION OF app.r FOR VALUES FROM (10) TO (20)");
  const auto partitions = found("partitions");
  ASSERT_EQ(partitions.size(), 2U);
  EXPECT_EQ(partitions[0].remedy, "ALTER TABLE \"app\".\"r\" DETACH PARTITION \"app\".\"r_1\";");
  EXPECT_EQ(partitions[1].remedy, "ALTER TABLE \"app\".\"r_2\" SET LOGGED;");
}

TEST_F(Preflight, PartitionsWhoseOldRowsAreLessThanTheirRootSays) {
  run("CREATE TABLE app.r (id int PRIMARY KEY) PARTITION BY RANGE (id);"
      "CREATE TABLE app.r_1 PARTITION OF app.r FOR VALUES FROM (0) TO (10);"
      "CREATE TABLE app.r_2 PARTITION OF app.r FOR VALUES FROM (10) TO (20);"
      "CREATE TABLE app.\"R 3\" PARTITION OF app.r FOR VALUES FROM (20) TO (30)");
  EXPECT_THAT(found("partition_identities"), IsEmpty());
  run("ALTER TABLE app.r REPLICA IDENTITY FULL; ALTER TABLE app.r_1 REPLICA IDENTITY FULL");
  const auto told = one("partition_identities");
  EXPECT_EQ(told.level, severity::warning);
  EXPECT_EQ(told.where, "\"app\".\"r\"");
  EXPECT_EQ(told.remedy, "ALTER TABLE app.\"R 3\" REPLICA IDENTITY FULL;"
                         " ALTER TABLE app.r_2 REPLICA IDENTITY FULL;");
  run(told.remedy);
  EXPECT_THAT(found("partition_identities"), IsEmpty());
}

TEST_F(Preflight, ATableWithoutKeyIsReadInOnePiece) {
  run("CREATE TABLE app.k (id int); ALTER TABLE app.k REPLICA IDENTITY FULL");
  EXPECT_EQ(one("keys").where, "\"app\".\"k\"");
  EXPECT_EQ(one("keys").level, severity::note);
}

TEST_F(Preflight, TextsThatAreEqualThoughTheirBytesDiffer) {
  run("CREATE COLLATION app.ci (provider = icu, locale = 'und-u-ks-level2', deterministic = false);"
      "CREATE TABLE app.c (id int PRIMARY KEY, plain text, \"E mail\" text COLLATE app.ci)");
  const auto told = one("collations");
  EXPECT_EQ(told.level, severity::warning);
  EXPECT_EQ(told.where, "\"app\".\"c\"");
  EXPECT_THAT(told.what, HasSubstr("column \"E mail\" has a nondeterministic collation"));
}

TEST_F(Preflight, GeneratedColumnsStayBehind) {
  run("ALTER TABLE app.t ADD COLUMN \"Tw ice\" int GENERATED ALWAYS AS (id * 2) STORED");
  EXPECT_EQ(one("generated_columns").what, "generated columns are not delivered: \"Tw ice\"");
}

TEST_F(Preflight, GeneratedColumnsComeWhereThePublicationHoldsThem) {
  if (server().version() < 180000) GTEST_SKIP() << "came with 18";
  run("ALTER TABLE app.t ADD COLUMN twice int GENERATED ALWAYS AS (id * 2) STORED,"
      " ADD COLUMN thrice int GENERATED ALWAYS AS (id * 3) VIRTUAL;"
      "ALTER PUBLICATION leat_shop SET (publish_generated_columns = stored)");
  EXPECT_EQ(one("generated_columns").what, "generated columns are not delivered: \"thrice\"");
  run("ALTER TABLE app.t DROP COLUMN thrice");
  EXPECT_THAT(found("generated_columns"), IsEmpty());
  run("ALTER PUBLICATION leat_shop SET (publish_generated_columns = none)");
  EXPECT_EQ(one("generated_columns").what, "generated columns are not delivered: \"twice\"");
  run("ALTER PUBLICATION leat_shop SET TABLE app.t (id, twice)");
  EXPECT_THAT(found("generated_columns"), IsEmpty()) << "its column list names it";
}

TEST_F(Preflight, ATableWhoseUpdatesWouldFail) {
  run("CREATE TABLE app.k (id int)");
  EXPECT_EQ(one("identity").level, severity::error);
  EXPECT_EQ(one("identity").remedy, "ALTER TABLE \"app\".\"k\" REPLICA IDENTITY FULL;");
  run("ALTER PUBLICATION leat_shop ADD TABLE app.k");
  EXPECT_EQ(one("identity").level, severity::warning) << "it is broken without leat";
}

TEST_F(Preflight, AMissingPublicationThatTheRoleCannotMake) {
  run("DROP PUBLICATION leat_shop");
  const auto f = one("publication");
  EXPECT_EQ(f.remedy, "CREATE PUBLICATION \"leat_shop\" FOR TABLE \"app\".\"t\" WITH (publish ="
                      " 'insert, update, delete, truncate', publish_via_partition_root = true);");
  run("GRANT CREATE ON DATABASE shop TO \"Le at\"");
  EXPECT_THAT(one("publication").what, HasSubstr("does not own every table"));
  run("ALTER TABLE app.t OWNER TO \"Le at\"");
  EXPECT_THAT(found("publication"), IsEmpty());
}

TEST_F(Preflight, APublicationYoungerThanItsSlotIsTooLate) {
  run("DROP PUBLICATION leat_shop; ALTER TABLE app.t OWNER TO \"Le at\";"
      "GRANT CREATE ON DATABASE shop TO \"Le at\"");
  run("SELECT pg_create_logical_replication_slot('leat_shop', 'pgoutput')");
  EXPECT_THAT(one("publication").remedy,
              HasSubstr("SELECT pg_drop_replication_slot('leat_shop');"));
}

TEST_F(Preflight, ATableThatThePublicationLacks) {
  run("CREATE TABLE app.u (id int PRIMARY KEY); GRANT SELECT ON app.u TO \"Le at\"");
  EXPECT_EQ(one("publication_tables").level, severity::error);
  EXPECT_EQ(one("publication_tables").remedy,
            "ALTER PUBLICATION \"leat_shop\" ADD TABLE \"app\".\"u\";");
  run("ALTER PUBLICATION leat_shop OWNER TO \"Le at\"; ALTER TABLE app.u OWNER TO \"Le at\"");
  EXPECT_EQ(one("publication_tables").level, severity::note) << "leat will add it";
}

TEST_F(Preflight, OperationsThatThePublicationLacks) {
  run("ALTER PUBLICATION leat_shop SET (publish = 'insert')");
  run(one("publication_properties").remedy);
  EXPECT_THAT(found("publication_properties"), IsEmpty());
}

TEST_F(Preflight, PartitionsThatThePublicationDeliversUnderTheirOwnNames) {
  run("ALTER PUBLICATION leat_shop SET (publish_via_partition_root = false);"
      "CREATE TABLE app.r (id int PRIMARY KEY) PARTITION BY RANGE (id);"
      "CREATE TABLE app.r_1 PARTITION OF app.r FOR VALUES FROM (0) TO (10);"
      "GRANT SELECT ON app.r_1 TO \"Le at\"; ALTER PUBLICATION leat_shop ADD TABLE app.r");
  for (const auto& f : preflight(request()))
    EXPECT_EQ(f.level, severity::note) << f.check << ": " << f.what;
  run("CREATE SCHEMA parts;"
      "CREATE TABLE parts.r_2 PARTITION OF app.r FOR VALUES FROM (10) TO (20)");
  EXPECT_EQ(one("partition_roots").level, severity::warning);
  EXPECT_THAT(one("partition_roots").what, HasSubstr("partition \"parts\".\"r_2\" is left out"));
  run(one("partition_roots").remedy);
  EXPECT_THAT(found("partition_roots"), IsEmpty());
}

TEST_F(Preflight, PartsOfTables) {
  if (server().version() < 150000) GTEST_SKIP() << "column lists came with 15";
  run("ALTER PUBLICATION leat_shop SET TABLE app.t (id) WHERE (id > 5)");
  EXPECT_EQ(found("publication_parts").size(), 2U);
  run("ALTER PUBLICATION leat_shop SET TABLE app.t WHERE (v > 'a')");
  EXPECT_EQ(one("publication_parts").level, severity::warning);
}

TEST_F(Preflight, ForAllTables) {
  run("DROP PUBLICATION leat_shop");
  run("CREATE PUBLICATION leat_shop FOR ALL TABLES");
  EXPECT_EQ(one("all_tables").level, severity::warning);
}

TEST_F(Preflight, ASlotOfAnotherPlugin) {
  run("SELECT pg_create_logical_replication_slot('leat_shop', 'test_decoding')");
  EXPECT_THAT(one("slot").what, HasSubstr("uses the output plugin test_decoding"));
  EXPECT_THAT(one("slot").remedy, HasSubstr("SELECT pg_drop_replication_slot('leat_shop');"));
}

TEST_F(Preflight, ASlotInUse) {
  run("SELECT pg_create_logical_replication_slot('leat_shop', 'pgoutput')");
  auto parameters = server().parameters("shop");
  parameters["application_name"] = "leat:42";
  connection holder(parameters, connection_use::replication);
  EXPECT_THROW(holder.query("START_REPLICATION SLOT \"leat_shop\" LOGICAL 0/0"
                            " (proto_version '1', publication_names 'leat_shop')"),
               server_error);
  EXPECT_EQ(one("slot").level, severity::note);
  auto r = request();
  r.application = "leat:another";
  EXPECT_EQ(one(r, "slot").level, severity::error);
  EXPECT_THAT(one(r, "slot").remedy, HasSubstr("SELECT pg_terminate_backend("));
}

TEST_F(Preflight, TransactionsThatWriteForLong) {
  EXPECT_EQ(one("sight").remedy, "GRANT pg_read_all_stats TO \"Le at\";");
  run(one("sight").remedy);
  EXPECT_THAT(found("sight"), IsEmpty());
  auto writer = server().session("shop");
  writer.execute("BEGIN");
  writer.execute("INSERT INTO app.t VALUES (1)");
  EXPECT_THAT(found("long_transactions"), IsEmpty()) << "it is not that old";
  auto r = request();
  r.patience = std::chrono::seconds(0);
  EXPECT_EQ(one(r, "long_transactions").remedy, "end it, or SELECT pg_terminate_backend("
                                                    + std::to_string(writer.backend_pid()) + ");");
}

TEST_F(PreflightServer, WhatASlotDoesAtAFailover) {
  if (server().version() < 170000) GTEST_SKIP() << "came with 17";
  const auto at = make({});
  at->execute(
      "SELECT pg_create_logical_replication_slot('leat_shop', 'pgoutput', failover => true);"
      "SELECT pg_create_physical_replication_slot('standby')");
  EXPECT_EQ(one(*at, "failover").level, severity::warning);
  at->execute("SELECT pg_drop_replication_slot('leat_shop');"
              "SELECT pg_create_logical_replication_slot('leat_shop', 'pgoutput')");
  at->set("synchronized_standby_slots", "standby");
  EXPECT_EQ(one(*at, "failover").level, severity::note);
}

TEST_F(Preflight, OpenPreparedTransactions) {
  run("BEGIN; INSERT INTO app.t VALUES (1); PREPARE TRANSACTION 'it''s'");
  const auto f = one("prepared_transactions");
  run("ROLLBACK PREPARED 'it''s'");
  EXPECT_EQ(f.remedy, "COMMIT PREPARED 'it''s'; or ROLLBACK PREPARED 'it''s';");
}

TEST_F(PreflightServer, WalWithoutLogicalInformation) {
  const auto at = make({{"wal_level", "replica"}});
  EXPECT_EQ(one(*at, "wal_level").remedy,
            "ALTER SYSTEM SET wal_level = 'logical'; then restart the server");
}

TEST_F(PreflightServer, NoSlotOrSenderLeft) {
  const auto at = make({{"max_replication_slots", "1"}, {"max_wal_senders", "1"}});
  at->execute("SELECT pg_create_physical_replication_slot('other')");
  // Before the checks, whose own walsender may still be on its way out when they have ended.
  connection sender(at->parameters(), connection_use::replication);
  EXPECT_EQ(one(*at, "free_slots").level, severity::error);
  EXPECT_EQ(one(*at, "free_senders").level, severity::error);
}

TEST_F(PreflightServer, LimitsOfTheSlot) {
  const auto at = make({{"max_slot_wal_keep_size", "64MB"},
                        {"wal_sender_timeout", "1s"},
                        {"logical_decoding_work_mem", "64kB"}});
  EXPECT_EQ(one(*at, "retention").level, severity::warning);
  EXPECT_EQ(one(*at, "sender_timeout").level, severity::warning);
  EXPECT_EQ(one(*at, "decoding_memory").level, severity::note);
  at->set("max_slot_wal_keep_size", "-1");
  at->set("wal_sender_timeout", "0");
  EXPECT_EQ(one(*at, "retention").level, severity::note);
  EXPECT_THAT(one(*at, "sender_timeout").what, HasSubstr("never gives up"));
}

TEST_F(PreflightServer, ASlotThatIsLostWhenIdle) {
  if (server().version() < 180000) GTEST_SKIP() << "came with 18";
  const auto at = make({{"idle_replication_slot_timeout", "60s"}});
  EXPECT_THAT(one(*at, "idle_timeout").what, HasSubstr("60 s"));
}

TEST_F(PreflightServer, ASlotAboutToBeLostAndThenLost) {
  const auto at =
      make({{"max_slot_wal_keep_size", "1MB"}, {"min_wal_size", "32MB"}, {"max_wal_size", "32MB"}});
  at->execute("SELECT pg_create_logical_replication_slot('leat_shop', 'pgoutput')");
  at->execute("INSERT INTO app.t VALUES (1)");
  at->execute("SELECT pg_switch_wal()");
  EXPECT_EQ(one(*at, "slot_danger").level, severity::warning);
  for (int i = 2; i < 6; ++i)
    at->execute("INSERT INTO app.t VALUES (" + std::to_string(i)
                + "); SELECT pg_switch_wal(); CHECKPOINT");
  EXPECT_THAT(one(*at, "slot").what, HasSubstr("is lost"));
  EXPECT_THAT(one(*at, "slot").remedy, HasSubstr("leat drop"));
}

TEST_F(PreflightServer, ACommitThatHangsForItsStandby) {
  const auto at = make({});
  at->set("synchronous_standby_names", "ghost");
  auto hung = at->session();
  hung.send("INSERT INTO app.t VALUES (1)");
  while (at->value("SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep'") == "0") {
  }
  at->execute("GRANT pg_read_all_stats TO \"Le at\"; SET synchronous_commit = local");
  const auto all = found(request_at(*at, "postgres"), "synchronous_commit");
  EXPECT_EQ(all.size(), 2U);
  EXPECT_THAT(all.back().what, HasSubstr("a commit waits"));
}

TEST_F(PreflightServer, APluginThatTheServerDoesNotAllow) {
  if (server().value("SELECT current_setting('output_plugin_libraries', true)").empty())
    GTEST_SKIP() << "this server allows every plugin";
  const auto at = make({{"output_plugin_libraries", "test_decoding"}});
  EXPECT_EQ(one(*at, "output_plugin").level, severity::note) << "the role cannot see the setting";
  at->execute("GRANT pg_read_all_settings TO \"Le at\"");
  EXPECT_EQ(one(*at, "output_plugin").remedy,
            "ALTER SYSTEM SET output_plugin_libraries = pgoutput, test_decoding; SELECT"
            " pg_reload_conf();");
}

TEST_F(PreflightServer, AServerThatDoesNotAdmitTheRole) {
  const auto at = make({});
  const auto admit = [&](const std::string& lines) {
    std::ofstream(at->data() / "pg_hba.conf") << "local all postgres trust\n" << lines;
    at->execute("SELECT pg_reload_conf()");
  };
  admit("local replication all trust\n");
  EXPECT_EQ(one(*at, "connection").remedy, "add a line to pg_hba.conf: local \"postgres\" \"Le at\""
                                           " scram-sha-256; then SELECT pg_reload_conf();");
  admit("local \"postgres\" \"Le at\" trust\n");
  EXPECT_THAT(found(request_at(*at, "postgres"), "connection"), IsEmpty());
  EXPECT_THAT(found(request_at(*at, "postgres"), "replication_connection"), IsEmpty());
}

TEST_F(PreflightServer, AStandby) {
  const auto at = make({});
  at->stop();
  std::ofstream(at->data() / "standby.signal") << "";
  at->start();
  EXPECT_THAT(one(*at, "primary").remedy, HasSubstr("primary's address"));
}

} // namespace
} // namespace leat::postgres
