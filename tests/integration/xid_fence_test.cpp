#include "plugins/postgres/xid_fence.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/pg_server.hpp"

namespace leat::postgres {
namespace {

using leat::test::pg_server;
using testing::ElementsAre;
using testing::IsEmpty;

TEST(NextXid, IsAboveEveryXidThatIsTakenAlsoWhileTransactionsRun) {
  pg_server quiet;
  connection db(quiet.parameters(), connection_use::query);
  auto first = quiet.session();
  first.execute("BEGIN");
  const auto taken = std::stoull(first.value("SELECT pg_current_xact_id()"));
  auto second = quiet.session();
  second.execute("BEGIN");
  ASSERT_EQ(std::stoull(second.value("SELECT pg_current_xact_id()")), taken + 1);
  // xmax of a snapshot does not know of them.
  ASSERT_EQ(db.query("SELECT pg_snapshot_xmax(pg_current_snapshot())").number(0, 0), taken);
  EXPECT_EQ(next_full_xid(db), taken + 2);
  EXPECT_EQ(next_full_xid(db), taken + 2) << "asking takes no xid";
}

TEST(NextXid, CarriesTheEpochOverTheWrap) {
  pg_server quiet;
  if (!quiet.restart_at_xid(3, 4294967200)) GTEST_SKIP() << "no pg_resetwal";
  connection db(quiet.parameters(), connection_use::query);
  auto held = quiet.session();
  held.execute("BEGIN");
  const auto before_wrap = std::stoull(held.value("SELECT pg_current_xact_id()"));
  ASSERT_EQ(before_wrap >> 32, 3U);
  std::uint64_t last = before_wrap;
  while (last < (4ULL << 32)) {
    EXPECT_EQ(next_full_xid(db), last + 1 == 4ULL << 32 ? (4ULL << 32) + 3 : last + 1);
    last = std::stoull(quiet.value("SELECT pg_current_xact_id()"));
  }
  EXPECT_EQ(last, (4ULL << 32) + 3);
  EXPECT_EQ(next_full_xid(db), last + 1);
}

TEST(XidFence, NamesWhoStillRunsBelowIt) {
  pg_server quiet;
  quiet.execute("CREATE TABLE public.t (id int); CREATE ROLE \"As ker\" LOGIN");
  auto parameters = quiet.parameters();
  parameters["user"] = "As ker";
  connection db(parameters, connection_use::query);

  auto prepared = quiet.session();
  prepared.execute("BEGIN; INSERT INTO public.t VALUES (1); PREPARE TRANSACTION 'it''s'");
  auto writer = quiet.session();
  writer.execute("SET application_name = 'importer'; BEGIN; INSERT INTO public.t VALUES (2);"
                 "SAVEPOINT s; INSERT INTO public.t VALUES (3)");
  const auto fence = next_full_xid(db);
  auto later = quiet.session();
  later.execute("BEGIN; INSERT INTO public.t VALUES (4)");

  const auto process = "process " + std::to_string(writer.backend_pid());
  EXPECT_THAT(holders_below(db, fence),
              ElementsAre("prepared transaction 'it''s' of role \"postgres\"",
                          process + " of role \"postgres\" (importer)"));
  writer.execute("COMMIT");
  quiet.execute("ROLLBACK PREPARED 'it''s'");
  EXPECT_THAT(holders_below(db, fence), IsEmpty());
}

} // namespace
} // namespace leat::postgres
