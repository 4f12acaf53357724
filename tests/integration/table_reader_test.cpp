#include <signal.h>

#include <chrono>
#include <fstream>
#include <thread>
#include <vector>

#include "tests/integration/table_reader_fixture.hpp"
#include "tests/support/caught_error.hpp"

namespace leat::postgres {
namespace {

using namespace std::chrono_literals;
using test::error_of;
using test::pg_server;

class TableReaderOver : public TableReader, public testing::WithParamInterface<way> {
 protected:
  TableReaderOver() { way_ = GetParam(); }
};

TEST_P(TableReaderOver, RowsAreReadChangesThatCarryHAndTheirNumberInTheChunk) {
  execute("CREATE TABLE t (id int PRIMARY KEY, v text);"
          "INSERT INTO t SELECT i, CASE i WHEN 2 THEN '' WHEN 3 THEN NULL ELSE 'x' END "
          "FROM generate_series(1, 1300) i");
  const auto schema = describe("t");
  auto r = reader();
  const auto chunk =
      r->read(schema, {.number = 7, .lower = {"2"}, .upper = {"1201"}}, r->plan(schema).storage);
  ASSERT_EQ(chunk.rows.rows, 1199U);
  ASSERT_EQ(chunk.rows.batches.size(), 3U);
  EXPECT_EQ(chunk.rows.bounds.number, 7U);
  std::uint64_t number = 0, bytes = 0;
  for (const auto& b : chunk.rows.batches) {
    bytes += b->bytes();
    EXPECT_EQ(*b->tables.at(0), schema);
    for (const auto& c : b->changes) {
      EXPECT_EQ(c.kind, change_kind::read);
      EXPECT_EQ(c.index, (7ULL << 32) + number++);
      EXPECT_EQ(b->transaction_of(c).xid, 0U);
      EXPECT_EQ(static_cast<std::uint64_t>(b->transaction_of(c).commit),
                static_cast<std::uint64_t>(chunk.rows.high));
    }
  }
  EXPECT_EQ(chunk.rows.bytes, bytes);
  const auto& first = *chunk.rows.batches[0];
  EXPECT_EQ(first.text(first.new_row(first.changes[0])[0]), "2");
  EXPECT_TRUE(first.new_row(first.changes[0])[1].has_value());
  EXPECT_EQ(first.text(first.new_row(first.changes[0])[1]), "");
  EXPECT_TRUE(first.new_row(first.changes[1])[1].is_null());
}

TEST_P(TableReaderOver, AChunkSeesNoTransactionThatRunsAndHIsPastWhatItSees) {
  execute("CREATE TABLE t (id int PRIMARY KEY)");
  const auto schema = describe("t");
  auto open = server().session("shop");
  open.execute("BEGIN; INSERT INTO t VALUES (1)");
  const auto xid = std::stoull(open.value("SELECT pg_current_xact_id()"));
  execute("INSERT INTO t VALUES (2)");
  auto r = reader();
  const auto before = std::stoull(value("SELECT pg_current_wal_insert_lsn() - '0/0'"));
  const auto chunk = r->read(schema, whole(), r->plan(schema).storage);
  EXPECT_EQ(chunk.rows.rows, 1U);
  EXPECT_FALSE(chunk.rows.seen.sees(xid));
  EXPECT_GE(static_cast<std::uint64_t>(chunk.rows.high), before);
  const auto probe = r->probe();
  EXPECT_FALSE(probe.seen.sees(xid));
  EXPECT_EQ(probe.next_xid, probe.seen.xmax);
  EXPECT_GT(probe.next_xid, xid);
  open.execute("COMMIT");
  EXPECT_TRUE(r->probe().seen.sees(xid));
}

TEST_P(TableReaderOver, ReadsNoRowThatThePipelinesPredicateOrTheRowFilterLeavesOut) {
  execute("CREATE TABLE t (id int PRIMARY KEY, v int);"
          "INSERT INTO t SELECT i, i % 10 FROM generate_series(1, 100) i");
  const auto schema = describe("t");
  snapshot_options options;
  options.where[schema.id] = "v = 1 OR v = 2 -- a comment";
  options.row_filter[schema.id] = "id <= 50";
  auto r = reader(options);
  EXPECT_EQ(r->read(schema, whole(), r->plan(schema).storage).rows.rows, 10U);
  EXPECT_EQ(r->read_keys(schema, schema.key, {{"3"}, {"99"}}).rows.rows, 1U);
  execute("ALTER TABLE t RENAME TO u");
  for (const auto& named : {schema, describe("u")}) {
    EXPECT_EQ(r->read(named, whole(), r->plan(named).storage).rows.rows, 10U) << named.name;
    EXPECT_EQ(r->read_keys(named, named.key, {{"3"}, {"99"}}).rows.rows, 1U) << named.name;
  }
}

TEST_P(TableReaderOver, RowsThatNoRouteTakesStayAtTheServer) {
  execute("CREATE TABLE t (id int PRIMARY KEY, v int);"
          "INSERT INTO t SELECT i, i % 10 FROM generate_series(1, 100) i");
  const auto schema = describe("t");
  auto r = reader();
  const auto storage = r->plan(schema).storage;
  const auto condition = "(v = 1 -- one\n) OR (v = 2\n)";
  EXPECT_EQ(r->read(schema, whole(), storage, condition).rows.rows, 20U);
  EXPECT_EQ(r->read(schema, whole(), storage, condition).rows.rows, 20U) << "the second at once";
  EXPECT_EQ(r->read_keys(schema, schema.key, {{"3"}, {"11"}}).rows.rows, 2U);
}

TEST_P(TableReaderOver, AConditionThatTheServerFailsForLeavesNoRowOut) {
  execute("CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t SELECT generate_series(1, 50)");
  const auto schema = describe("t");
  auto r = reader();
  const auto storage = r->plan(schema).storage;
  EXPECT_EQ(r->read(schema, whole(), storage, "100 / (id - 7) > 0").rows.rows, 50U);
  EXPECT_EQ(r->read(schema, whole(), storage, "id < 7").rows.rows, 6U) << "the connection goes on";
}

TEST_P(TableReaderOver, ReadsTheRowsOfGivenKeysOnce) {
  execute(
      "CREATE EXTENSION citext; CREATE TABLE t (a citext, b char(3), v int, PRIMARY KEY (b, a));"
      "INSERT INTO t VALUES ('X', 'p', 1), ('y''\\', 'p', 2), ('X', 'q', 3)");
  const auto schema = describe("t");
  const auto chunk = reader()->read_keys(
      schema, schema.key, {{"p  ", "X"}, {"p  ", "y'\\"}, {"p  ", "X"}, {"z  ", "X"}});
  EXPECT_EQ(chunk.rows.rows, 2U);
  EXPECT_EQ(chunk.rows.bounds.number, 0U);
  EXPECT_EQ(cell_text(chunk, 2), "1");
}

TEST_P(TableReaderOver, ATableWithAnotherStorageThanPlannedIsRewritten) {
  execute("CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t VALUES (1)");
  const auto schema = describe("t");
  auto r = reader();
  const auto storage = r->plan(schema).storage;
  EXPECT_EQ(r->read(schema, whole(), storage).failure, chunk_failure::none);
  execute("VACUUM FULL t");
  EXPECT_EQ(r->read(schema, whole(), storage).failure, chunk_failure::rewritten);
}

TEST_P(TableReaderOver, ARewrittenPartitionIsSeenAtTheRoot) {
  execute("CREATE TABLE t (id int PRIMARY KEY) PARTITION BY RANGE (id);"
          "CREATE TABLE a PARTITION OF t FOR VALUES FROM (0) TO (10);"
          "CREATE TABLE b PARTITION OF t DEFAULT PARTITION BY RANGE (id);"
          "CREATE TABLE c PARTITION OF b DEFAULT");
  const auto schema = describe("t");
  auto r = reader();
  const auto storage = r->plan(schema).storage;
  EXPECT_EQ(r->read(schema, whole(), storage).failure, chunk_failure::none);
  execute("TRUNCATE c");
  EXPECT_EQ(r->read(schema, whole(), storage).failure, chunk_failure::rewritten);
}

TEST_P(TableReaderOver, AnAlterTypeThatCommitsWhileTheChunkWaitsCannotEmptyIt) {
  execute("CREATE TABLE t (id int PRIMARY KEY, v int); INSERT INTO t VALUES (1, 1), (2, 2)");
  const auto schema = describe("t");
  auto r = reader();
  const auto storage = r->plan(schema).storage;
  const auto chunk = read_while_v_becomes_bigint(*r, schema, storage);
  EXPECT_EQ(chunk.failure, chunk_failure::columns_changed);
  EXPECT_GT(static_cast<std::uint64_t>(chunk.rows.high), 0U);
  const auto now = describe("t");
  EXPECT_EQ(r->read(now, whole(), storage).failure, chunk_failure::rewritten);
  EXPECT_EQ(r->read(now, whole(), r->plan(now).storage).rows.rows, 2U);
}

TEST_P(TableReaderOver, AnAlterTypeThatCommitsWhileALaterChunkWaitsCannotEmptyIt) {
  execute("CREATE TABLE t (id int PRIMARY KEY, v int); INSERT INTO t VALUES (1, 1), (2, 2)");
  const auto schema = describe("t");
  auto r = reader();
  const auto storage = r->plan(schema).storage;
  ASSERT_EQ(r->read(schema, whole(), storage).rows.rows, 2U);
  const auto chunk = read_while_v_becomes_bigint(*r, schema, storage);
  EXPECT_EQ(chunk.failure, chunk_failure::columns_changed);
}

TEST_P(TableReaderOver, WhatHappenedToATableSinceItsLastChunkIsSeenAtTheNext) {
  execute("CREATE TABLE t (id int PRIMARY KEY, v text); INSERT INTO t VALUES (1, 'x')");
  const auto schema = describe("t");
  auto r = reader();
  const auto storage = r->plan(schema).storage;
  const auto read = [&] { return r->read(schema, whole(), storage); };
  ASSERT_EQ(read().rows.rows, 1U);
  execute("ALTER TABLE t ADD w int");
  EXPECT_EQ(read().failure, chunk_failure::columns_changed);
  execute("ALTER TABLE t DROP w");
  ASSERT_EQ(read().rows.rows, 1U);
  execute("ALTER TABLE t RENAME id TO key");
  EXPECT_EQ(read().failure, chunk_failure::columns_changed);
  execute("ALTER TABLE t RENAME key TO id");
  ASSERT_EQ(read().rows.rows, 1U);
  execute("ALTER TABLE t RENAME TO u; CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t VALUES "
          "(2), (3)");
  EXPECT_EQ(cell_text(read(), 0), "1");
  execute("VACUUM FULL u");
  EXPECT_EQ(read().failure, chunk_failure::rewritten);
  execute("DROP TABLE u");
  EXPECT_EQ(read().failure, chunk_failure::table_gone);
}

TEST_P(TableReaderOver, PoliciesThatBeginToHideRowsAreAnErrorNotAGap) {
  execute("DROP ROLE IF EXISTS guest; CREATE ROLE guest LOGIN; CREATE TABLE t (id int PRIMARY KEY);"
          "INSERT INTO t VALUES (1); GRANT SELECT ON t TO guest");
  const auto schema = describe("t");
  auto r = reader({}, "guest");
  const auto storage = r->plan(schema).storage;
  ASSERT_EQ(r->read(schema, whole(), storage).rows.rows, 1U);
  execute("ALTER TABLE t ENABLE ROW LEVEL SECURITY");
  const auto e = error_of([&] { r->read(schema, whole(), storage); });
  EXPECT_FALSE(e.transient());
  EXPECT_NE(std::string(e.what()).find("row level security"), std::string::npos);
}

TEST_P(TableReaderOver, ColumnsThatDifferFromTheStreamsAreChangedOnes) {
  execute("CREATE TABLE t (id int PRIMARY KEY, v varchar(10)); INSERT INTO t VALUES (1, 'x')");
  const auto schema = describe("t");
  auto r = reader();
  const auto storage = r->plan(schema).storage;
  for (const auto* ddl : {"ALTER TABLE t ADD w int", "ALTER TABLE t RENAME v TO u",
                          "ALTER TABLE t ALTER v TYPE varchar(20)", "ALTER TABLE t DROP v"}) {
    const auto now = describe("t");
    execute(ddl);
    const auto chunk = r->read(now, whole(), storage);
    EXPECT_EQ(chunk.failure, chunk_failure::columns_changed) << ddl;
    EXPECT_GT(static_cast<std::uint64_t>(chunk.rows.high), 0U);
    execute("DROP TABLE t; CREATE TABLE t (id int PRIMARY KEY, v varchar(10))");
  }
}

TEST_P(TableReaderOver, ARenamedKeyColumnStillPlansAndTheReadSaysWhy) {
  execute("CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t SELECT generate_series(1, 5000);"
          "ANALYZE");
  const auto schema = describe("t");
  execute("ALTER TABLE t RENAME id TO key");
  auto r = reader({.chunk_rows = 10});
  const auto plan = r->plan(schema);
  ASSERT_EQ(plan.chunks.size(), 1U);
  EXPECT_EQ(r->read(schema, plan.chunks[0], plan.storage).failure, chunk_failure::columns_changed);
}

TEST_P(TableReaderOver, ColumnsThatThePublicationLeavesOutAreNoChange) {
  if (server().version() < 150000) GTEST_SKIP() << "column lists came with 15";
  execute("CREATE TABLE t (id int PRIMARY KEY, secret text, v int, g int GENERATED ALWAYS AS (v) "
          "STORED); INSERT INTO t VALUES (1, 's', 2); CREATE PUBLICATION p FOR TABLE t (id, v)");
  snapshot_options options;
  options.publication.publication = "p";
  auto r = reader(options);
  const auto id = static_cast<oid>(std::stoul(value("SELECT 't'::regclass::oid")));
  const auto schema = r->describe(id).schema;
  ASSERT_EQ(schema->columns.size(), 2U);
  const auto chunk = r->read(*schema, whole(), r->plan(*schema).storage);
  ASSERT_EQ(chunk.failure, chunk_failure::none);
  EXPECT_EQ(cell_text(chunk, 1), "2");
}

TEST_P(TableReaderOver, ADroppedTableIsGone) {
  execute("CREATE TABLE t (id int PRIMARY KEY)");
  const auto schema = describe("t");
  auto r = reader();
  const auto storage = r->plan(schema).storage;
  execute("DROP TABLE t; CREATE TABLE t (id int PRIMARY KEY)");
  EXPECT_EQ(r->read(schema, whole(), storage).failure, chunk_failure::table_gone);
  EXPECT_TRUE(r->plan(schema).table_gone);
  execute("DROP TABLE t");
  EXPECT_EQ(r->read(schema, whole(), storage).failure, chunk_failure::table_gone);
  EXPECT_EQ(r->describe(schema.id).schema, nullptr);
}

TEST_P(TableReaderOver, ARenamedTableIsReadUnderItsNewNameThoughAnotherTookTheOld) {
  execute("CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t VALUES (1)");
  const auto schema = describe("t");
  auto r = reader();
  const auto storage = r->plan(schema).storage;
  execute("CREATE SCHEMA \"else\"; ALTER TABLE t RENAME TO u; ALTER TABLE u SET SCHEMA \"else\"");
  EXPECT_EQ(r->read(schema, whole(), storage).rows.rows, 1U);
  execute("CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t VALUES (2), (3)");
  const auto chunk = r->read(schema, whole(), storage);
  EXPECT_EQ(chunk.rows.rows, 1U);
  EXPECT_EQ(cell_text(chunk, 0), "1");
  EXPECT_EQ(r->read_keys(schema, schema.key, {{"1"}, {"2"}}).rows.rows, 1U);
}

TEST_P(TableReaderOver, AChunkBeyondItsBytesNamesAKeyThatSplitsIt) {
  execute("CREATE TABLE t (a int, b text, v text, PRIMARY KEY (b, a));"
          "INSERT INTO t SELECT i, 'k', repeat('x', 3000) FROM generate_series(1, 100) i");
  const auto schema = describe("t");
  auto r = reader({.chunk_bytes = 30000});
  const auto storage = r->plan(schema).storage;
  const auto chunk = r->read(schema, whole(), storage);
  ASSERT_EQ(chunk.failure, chunk_failure::too_large);
  ASSERT_FALSE(chunk.splits.empty());
  const auto& at = chunk.splits.front();
  ASSERT_EQ(at.size(), 2U);
  EXPECT_EQ(at[0], "k");
  const auto lower = r->read(schema, {.number = 1, .lower = {}, .upper = at}, storage);
  ASSERT_EQ(lower.failure, chunk_failure::none);
  EXPECT_EQ(std::to_string(lower.rows.rows + 1), at[1]);
  EXPECT_EQ(r->read_keys(schema, schema.key, {{"k", "1"}}).rows.rows, 1U);
}

TEST_P(TableReaderOver, AChunkOfManyMoreRowsThanWereEstimatedIsCutAtOnce) {
  execute("CREATE TABLE t (id int, name text COLLATE \"C\", PRIMARY KEY (name, id));"
          "INSERT INTO t VALUES (0, 'a'); ANALYZE t;"
          "INSERT INTO t SELECT i, 'n' || i % 7 FROM generate_series(1, 1000) i");
  const auto schema = describe("t");
  auto r = reader({.chunk_rows = 50});
  const auto chunk = r->read(schema, whole(), r->plan(schema).storage);
  ASSERT_EQ(chunk.failure, chunk_failure::too_large);
  EXPECT_EQ(chunk.splits.size(), 20U);
  chunk_bounds bounds = whole();
  std::uint64_t rows = 0;
  for (std::size_t i = 0; i <= chunk.splits.size(); ++i) {
    bounds.upper = i < chunk.splits.size() ? chunk.splits[i] : std::vector<std::string>{};
    const auto part = r->read(schema, bounds, r->plan(schema).storage);
    ASSERT_EQ(part.failure, chunk_failure::none);
    EXPECT_LE(part.rows.rows, 51U);
    rows += part.rows.rows;
    bounds.lower = bounds.upper;
  }
  EXPECT_EQ(rows, 1001U);
}

TEST_P(TableReaderOver, SplittingEndsAtOneRowHoweverLargeAndLosesNone) {
  execute("CREATE TABLE t (id int PRIMARY KEY, v text);"
          "INSERT INTO t SELECT i, repeat('x', 500000) FROM generate_series(1, 9) i");
  const auto schema = describe("t");
  auto r = reader({.chunk_bytes = 1000});
  const auto storage = r->plan(schema).storage;
  std::vector<chunk_bounds> open{whole()};
  std::uint64_t rows = 0, reads = 0;
  while (!open.empty()) {
    ASSERT_LT(++reads, 40U);
    const auto bounds = open.back();
    open.pop_back();
    const auto chunk = r->read(schema, bounds, storage);
    if (chunk.failure == chunk_failure::none) {
      rows += chunk.rows.rows;
      continue;
    }
    ASSERT_EQ(chunk.failure, chunk_failure::too_large);
    auto lower = bounds.lower;
    for (const auto& at : chunk.splits) {
      open.push_back({.number = 1, .lower = lower, .upper = at});
      lower = at;
    }
    open.push_back({.number = 1, .lower = lower, .upper = bounds.upper});
  }
  EXPECT_EQ(rows, 9U);
}

TEST_P(TableReaderOver, ATableWithoutAKeyIsOneChunkOfAnySize) {
  execute("CREATE TABLE t (v text); INSERT INTO t SELECT repeat('x', 3000) FROM "
          "generate_series(1, 100)");
  const auto schema = describe("t");
  auto r = reader({.chunk_rows = 10, .chunk_bytes = 1000});
  const auto plan = r->plan(schema);
  ASSERT_EQ(plan.chunks.size(), 1U);
  EXPECT_EQ(r->read(schema, plan.chunks[0], plan.storage).rows.rows, 100U);
}

TEST_P(TableReaderOver, AMissingRightIsNamedWithTheGrantThatMendsIt) {
  execute("DROP ROLE IF EXISTS guest; CREATE ROLE guest LOGIN; CREATE SCHEMA s;"
          "CREATE TABLE s.\"T\" (id int PRIMARY KEY)");
  const auto schema = describe("s.\"T\"");
  const auto hidden = error_of([&] { reader({}, "guest")->plan(schema); });
  EXPECT_FALSE(hidden.transient());
  EXPECT_EQ(hidden.kind(), error_kind::source);
  EXPECT_EQ(hidden.remedy(), "GRANT USAGE ON SCHEMA \"s\" TO \"guest\"; "
                             "GRANT SELECT ON TABLE \"s\".\"T\" TO \"guest\"");
  execute("GRANT USAGE ON SCHEMA s TO guest");
  auto r = reader({}, "guest");
  const auto unreadable = error_of([&] { r->read(schema, whole(), 0); });
  EXPECT_EQ(unreadable.remedy(), "GRANT SELECT ON TABLE \"s\".\"T\" TO \"guest\"");
  EXPECT_NE(unreadable.where().find("\"s\".\"T\""), std::string::npos);
  execute("GRANT SELECT ON s.\"T\" TO guest");
  EXPECT_EQ(r->read(schema, whole(), r->plan(schema).storage).failure, chunk_failure::none);
}

TEST_P(TableReaderOver, RowsThatPoliciesHideAreAnErrorNotAGap) {
  execute("DROP ROLE IF EXISTS guest; CREATE ROLE guest LOGIN;"
          "CREATE TABLE t (id int PRIMARY KEY); GRANT SELECT ON t TO guest;"
          "ALTER TABLE t ENABLE ROW LEVEL SECURITY");
  const auto schema = describe("t");
  const auto e = error_of([&] { reader({}, "guest")->plan(schema); });
  EXPECT_FALSE(e.transient());
  EXPECT_NE(std::string(e.what()).find("row level security"), std::string::npos);
  EXPECT_NE(e.remedy().find("BYPASSRLS"), std::string::npos);
}

TEST_P(TableReaderOver, ALockThatDoesNotComeIsATransientErrorThatNamesTheTable) {
  execute("CREATE TABLE t (id int PRIMARY KEY)");
  const auto schema = describe("t");
  auto ddl = server().session("shop");
  ddl.execute("BEGIN; LOCK TABLE t");
  auto r = reader({.lock_timeout = 50ms});
  const auto e = error_of([&] { r->read(schema, whole(), 0); });
  EXPECT_TRUE(e.transient());
  EXPECT_NE(std::string(e.what()).find("waiting for lock on \"public\".\"t\""), std::string::npos);
  ddl.execute("COMMIT");
  EXPECT_FALSE(r->plan(schema).table_gone);
}

TEST_P(TableReaderOver, ALostConnectionIsTransientAndTheNextCallConnectsAgain) {
  execute("CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t VALUES (1)");
  const auto schema = describe("t");
  auto r = reader();
  const auto storage = r->plan(schema).storage;
  const std::string others = " FROM pg_stat_activity WHERE datname = 'shop' AND pid <> "
                             "pg_backend_pid()";
  const auto backend = std::stoi(value("SELECT pid" + others));
  execute("SELECT pg_terminate_backend(pid)" + others);
  while (::kill(backend, 0) == 0) std::this_thread::sleep_for(1ms); // then its socket is closed
  EXPECT_EQ(r->read(schema, whole(), storage).rows.rows, 1U);

  auto ddl = server().session("shop");
  ddl.execute("BEGIN; LOCK TABLE t");
  error lost(error_kind::bug, "", "", "");
  std::thread waiting([&] { lost = error_of([&] { r->read(schema, whole(), storage); }); });
  while (value("SELECT count(*) FROM pg_locks WHERE NOT granted") == "0")
    std::this_thread::sleep_for(1ms);
  ddl.execute("SELECT pg_terminate_backend(pid) FROM pg_locks WHERE NOT granted");
  waiting.join();
  EXPECT_EQ(lost.kind(), error_kind::source);
  EXPECT_TRUE(lost.transient());
  ddl.execute("COMMIT");
  EXPECT_EQ(r->read(schema, whole(), storage).rows.rows, 1U);
}

TEST_P(TableReaderOver, CancelOfAnotherThreadEndsAReadAtOnce) {
  execute("CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t VALUES (1)");
  const auto schema = describe("t");
  snapshot_options options;
  options.where[schema.id] = "pg_sleep(60) IS NOT NULL";
  auto r = reader(options);
  const auto began = std::chrono::steady_clock::now();
  std::thread other([&] {
    while (value("SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'") == "0")
      std::this_thread::sleep_for(1ms);
    r->cancel();
  });
  const auto chunk = r->read(schema, whole(), r->plan(schema).storage);
  other.join();
  EXPECT_EQ(chunk.failure, chunk_failure::disconnected);
  EXPECT_LT(std::chrono::steady_clock::now() - began, 10s);
  EXPECT_NO_THROW(r->probe());
}

TEST_P(TableReaderOver, CancelBeforeACallEndsThatCallAndNoOther) {
  execute("CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t VALUES (1)");
  const auto schema = describe("t");
  auto r = reader();
  const auto storage = r->plan(schema).storage;
  r->cancel();
  EXPECT_EQ(r->read(schema, whole(), storage).failure, chunk_failure::disconnected);
  EXPECT_EQ(r->read(schema, whole(), storage).failure, chunk_failure::none);
  r->cancel();
  EXPECT_TRUE(error_of([&] { r->plan(schema); }).transient());
}

TEST_P(TableReaderOver, ValuesAreTheBytesOfThePinnedFormatsWhateverTheRolesSettingsAre) {
  execute("ALTER DATABASE shop SET DateStyle = 'German'; ALTER DATABASE shop SET TimeZone = "
          "'Asia/Kolkata'; ALTER DATABASE shop SET bytea_output = 'escape';"
          "ALTER DATABASE shop SET extra_float_digits = 0;"
          "ALTER DATABASE shop SET IntervalStyle = 'iso_8601'");
  struct value_case {
    std::string type, input, text;
  };
  const std::vector<value_case> cases{
      {"bool", "true", "t"},
      {"int2", "-32768", "-32768"},
      {"int8", "9223372036854775807", "9223372036854775807"},
      {"oid", "4294967295", "4294967295"},
      {"float4", "16777216", "1.6777216e+07"},
      {"float8", "0.30000000000000004", "0.30000000000000004"},
      {"float8", "-0", "-0"},
      {"float8", "NaN", "NaN"},
      {"numeric(12,2)", "1.5", "1.50"},
      {"numeric", "1e30", "1000000000000000000000000000000"},
      {"money", "-1234567.89", "-$1,234,567.89"},
      {"text", "", ""},
      {"char(5)", "ab", "ab   "},
      {"\"char\"", "x", "x"},
      {"text", "Ключ\n\\'\"", "Ключ\n\\'\""},
      {"bytea", "\\x00ff5c27", "\\x00ff5c27"},
      {"date", "0044-03-15 BC", "0044-03-15 BC"},
      {"date", "infinity", "infinity"},
      {"time", "24:00:00", "24:00:00"},
      {"timetz", "12:34:56.5+05:30", "12:34:56.5+05:30"},
      {"timestamp", "2024-02-29 12:34:56.789000", "2024-02-29 12:34:56.789"},
      {"timestamptz", "2024-02-29 12:34:56.789+05:30", "2024-02-29 07:04:56.789+00"},
      {"interval", "1 year 2 mons -3 days 04:05:06.789", "1 year 2 mons -3 days +04:05:06.789"},
      {"uuid", "A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"},
      {"json", "{\"a\": 2.50,  \"a\":1}", "{\"a\": 2.50,  \"a\":1}"},
      {"jsonb", "{\"bb\":1e3,\"a\":[]}", "{\"a\": [], \"bb\": 1000}"},
      {"text[]", "{a,NULL,\"NULL\",\"x\\\"y\"}", "{a,NULL,\"NULL\",\"x\\\"y\"}"},
      {"int4range", "[1,5]", "[1,6)"},
      {"inet", "192.168.0.1/24", "192.168.0.1/24"},
      {"bit(3)", "101", "101"},
      {"regclass", "pg_class", "pg_class"},
      {"point", "(1.5,-2)", "(1.5,-2)"},
  };
  std::string columns = "id int PRIMARY KEY", values = "1";
  for (std::size_t i = 0; i < cases.size(); ++i) {
    columns += ", c" + std::to_string(i) + " " + cases[i].type;
    values += ", " + quote_literal(cases[i].input);
  }
  execute("CREATE TABLE t (" + columns + "); INSERT INTO t VALUES (" + values + ")");
  const auto schema = describe("t");
  auto r = reader();
  const auto chunk = r->read(schema, whole(), r->plan(schema).storage);
  ASSERT_EQ(chunk.rows.rows, 1U);
  for (std::size_t i = 0; i < cases.size(); ++i)
    EXPECT_EQ(cell_text(chunk, i + 1), cases[i].text) << cases[i].type;
}

TEST_P(TableReaderOver, ARowBeyondAMessageIsAnErrorThatNamesTheTable) {
  execute("CREATE TABLE t (id int PRIMARY KEY, v bytea);"
          "INSERT INTO t VALUES (1, convert_to(repeat('x', 540000000), 'UTF8'))");
  const auto schema = describe("t");
  auto r = reader();
  const auto e = error_of([&] { r->read(schema, whole(), r->plan(schema).storage); });
  EXPECT_FALSE(e.transient());
  EXPECT_NE(std::string(e.what()).find("a row of \"public\".\"t\" is larger"), std::string::npos);
  EXPECT_FALSE(e.remedy().empty());
}

TEST_P(TableReaderOver, AStandbyIsRefusedWithTheRemedy) {
  pg_server standby;
  standby.execute("CREATE TABLE t (id int PRIMARY KEY)");
  const auto there = std::stoul(standby.value("SELECT 't'::regclass::oid"));
  standby.stop();
  std::ofstream(standby.data() / "standby.signal").flush();
  standby.start();
  auto r = make_table_reader(standby.parameters(), {});
  const auto table = r->describe(static_cast<oid>(there)).schema;
  for (const auto& e : {error_of([&] { r->probe(); }), error_of([&] { r->plan(*table); })}) {
    EXPECT_FALSE(e.transient());
    EXPECT_STREQ(e.what(), "the source is a standby");
    EXPECT_NE(e.remedy().find("primary"), std::string::npos);
  }
}

INSTANTIATE_TEST_SUITE_P(Connections, TableReaderOver, testing::Values(way::plain, way::encrypted),
                         [](const auto& each) {
                           return each.param == way::plain ? "Plain" : "Encrypted";
                         });

} // namespace
} // namespace leat::postgres
