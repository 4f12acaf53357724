#include "plugins/postgres/slot.hpp"

#include <gtest/gtest.h>

#include <thread>

#include "tests/support/pg_server.hpp"

namespace leat::postgres {
namespace {

using leat::test::pg_server;

const pg_server& server() {
  static const pg_server instance;
  return instance;
}

class Slot : public testing::Test {
 protected:
  Slot() { server().create_database("slot"); }

  connection connect(connection_use use = connection_use::query,
                     const std::string& application = "leat") const {
    auto parameters = server().parameters("slot");
    parameters["application_name"] = application;
    return connection(parameters, use);
  }
  slot_state state(const std::string& name) const {
    auto db = connect();
    return read_slot(db, name).value();
  }
  static slot_expectation expected(const std::string& name) { return {name, "slot", "leat:42"}; }

  /// What a person is told about a slot that leat never can use.
  std::string refusal(const std::string& name) const {
    try {
      check_slot(state(name), expected(name));
    } catch (const error& refused) {
      EXPECT_EQ(refused.kind(), error_kind::source);
      EXPECT_FALSE(refused.transient());
      EXPECT_NE(refused.remedy(), "");
      return refused.what();
    }
    return {};
  }
};

TEST_F(Slot, ServerSaysWhichClusterItIs) {
  auto replication = connect(connection_use::replication);
  const auto identity = identify_server(replication);
  EXPECT_EQ(std::to_string(identity.system_id),
            server().value("SELECT system_identifier::text FROM pg_control_system()"));
  EXPECT_EQ(identity.timeline, 1U);
  EXPECT_GT(identity.position, wal_lsn{});
  EXPECT_FALSE(identity.in_recovery);
}

TEST_F(Slot, AMadeSlotIsFreeAndPermanent) {
  auto replication = connect(connection_use::replication);
  const auto made = create_slot(replication, "leat_slot");
  const auto found = state("leat_slot");
  EXPECT_EQ(found.plugin, "pgoutput");
  EXPECT_EQ(found.database, "slot");
  EXPECT_EQ(found.confirmed, made.consistent);
  EXPECT_LE(found.restart, made.consistent);
  EXPECT_EQ(found.wal_status, "reserved");
  EXPECT_FALSE(found.temporary);
  EXPECT_FALSE(found.two_phase);
  EXPECT_EQ(found.active_pid, 0);
  EXPECT_EQ(check_slot(found, expected("leat_slot")), slot_hold::free);
}

TEST_F(Slot, AMissingSlotIsNone) {
  auto db = connect();
  EXPECT_FALSE(read_slot(db, "nobody's \"slot\""));
  EXPECT_FALSE(drop_slot(db, "nobody's \"slot\""));
}

TEST_F(Slot, CreationLeavesTheConnectionUsable) {
  auto replication = connect(connection_use::replication);
  create_slot(replication, "leat_slot");
  EXPECT_THROW(create_slot(replication, "leat_slot"), server_error);
  EXPECT_GT(identify_server(replication).position, wal_lsn{});
}

/// R5.5: what the slot's own snapshot counts as committed, against a snapshot taken later.
TEST_F(Slot, CreationSeesTransactionsThatEndedBeforeIt) {
  server().execute("CREATE TABLE public.t (id int)", "slot");
  auto writer = server().session("slot");
  writer.execute("BEGIN; INSERT INTO public.t VALUES (1)");
  const auto xid = std::stoull(writer.value("SELECT pg_current_xact_id()"));
  std::thread committer([&] {
    while (server().value("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
                          " AND backend_type = 'walsender'")
           == "0")
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    writer.execute("COMMIT");
  });
  auto replication = connect(connection_use::replication);
  const auto made = create_slot(replication, "leat_slot");
  committer.join();
  EXPECT_TRUE(made.seen.sees(xid));
}

TEST_F(Slot, ACancelledCreationLeavesNoSlot) {
  auto writer = server().session("slot");
  writer.execute("BEGIN; CREATE TABLE public.t (id int)");
  auto replication = connect(connection_use::replication);
  std::thread canceller([&] {
    while (server().value("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
                          " AND backend_type = 'walsender'")
           == "0")
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    replication.cancel();
  });
  EXPECT_THROW(create_slot(replication, "leat_slot"), server_error);
  canceller.join();
  auto db = connect();
  EXPECT_FALSE(read_slot(db, "leat_slot"));
}

TEST_F(Slot, ATemporarySlotIsRefused) {
  auto holder = connect();
  holder.query("SELECT pg_create_logical_replication_slot('leat_slot', 'pgoutput', true)");
  EXPECT_EQ(refusal("leat_slot"),
            "replication slot \"leat_slot\" is temporary: it ends with the session that made it");
}

TEST_F(Slot, AnotherPluginIsRefused) {
  server().execute("SELECT pg_create_logical_replication_slot('leat_slot', 'test_decoding')",
                   "slot");
  EXPECT_EQ(refusal("leat_slot"),
            "replication slot \"leat_slot\" uses the output plugin test_decoding");
}

TEST_F(Slot, APhysicalSlotIsRefused) {
  server().execute("SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots"
                   " WHERE slot_name = 'physical_slot'");
  server().execute("SELECT pg_create_physical_replication_slot('physical_slot')");
  EXPECT_EQ(refusal("physical_slot"), "replication slot \"physical_slot\" is physical");
}

TEST_F(Slot, ASlotOfAnotherDatabaseIsRefused) {
  server().create_database("elsewhere");
  server().execute("SELECT pg_create_logical_replication_slot('far_slot', 'pgoutput')",
                   "elsewhere");
  EXPECT_EQ(refusal("far_slot"), "replication slot \"far_slot\" belongs to database \"elsewhere\"");
}

TEST_F(Slot, ATwoPhaseSlotIsRefused) {
  if (server().version() < 140000) GTEST_SKIP() << "two_phase came with 14";
  server().execute(
      "SELECT pg_create_logical_replication_slot('leat_slot', 'pgoutput', false, true)", "slot");
  EXPECT_EQ(refusal("leat_slot"), "replication slot \"leat_slot\" was made or started with"
                                  " two_phase, which it keeps for ever");
}

TEST_F(Slot, ALostSlotIsRefused) {
  pg_server small({.settings = {{"max_slot_wal_keep_size", "1MB"},
                                {"min_wal_size", "32MB"},
                                {"max_wal_size", "32MB"}}});
  small.execute("SELECT pg_create_logical_replication_slot('leat_slot', 'pgoutput');"
                "CREATE TABLE public.t (v text)");
  for (int i = 0; i < 4; ++i)
    small.execute("INSERT INTO public.t VALUES ('x'); SELECT pg_switch_wal(); CHECKPOINT");
  connection db(small.parameters(), connection_use::query);
  const auto found = read_slot(db, "leat_slot").value();
  EXPECT_EQ(found.wal_status, "lost");
  EXPECT_EQ(found.restart, wal_lsn{});
  EXPECT_THROW(check_slot(found, {"leat_slot", "postgres", ""}), error);
}

TEST_F(Slot, AHolderIsOursByTheNameOfItsConnection) {
  auto replication = connect(connection_use::replication, "leat:42");
  create_slot(replication, "leat_slot");
  server().execute("CREATE PUBLICATION p", "slot");
  // The result stays in COPY BOTH, which query() takes for a failure, and the slot stays in use.
  EXPECT_THROW(replication.query("START_REPLICATION SLOT \"leat_slot\" LOGICAL 0/0"
                                 " (proto_version '1', publication_names 'p')"),
               server_error);
  const auto held = state("leat_slot");
  ASSERT_NE(held.active_pid, 0);
  EXPECT_EQ(check_slot(held, expected("leat_slot")), slot_hold::held_by_us);
  EXPECT_EQ(check_slot(held, {"leat_slot", "slot", "leat:43"}), slot_hold::held_by_other);
  EXPECT_NE(std::string(slot_in_use(held, expected("leat_slot")).what())
                .find(std::to_string(held.active_pid)),
            std::string::npos);
}

TEST_F(Slot, ADroppedSlotIsGone) {
  auto replication = connect(connection_use::replication);
  create_slot(replication, "leat_slot");
  auto db = connect();
  EXPECT_TRUE(drop_slot(db, "leat_slot"));
  EXPECT_FALSE(read_slot(db, "leat_slot"));
}

} // namespace
} // namespace leat::postgres
