#include <algorithm>
#include <map>
#include <string>
#include <vector>

#include "tests/integration/table_reader_fixture.hpp"

namespace leat::postgres {
namespace {

class ChunkPlan : public TableReader {
 protected:
  /// Keys of all rows that all chunks of `name` give, and how often each came.
  std::map<std::string, int> read_all(const std::string& name, snapshot_options options) {
    const auto schema = describe(name);
    auto r = reader(std::move(options));
    const auto plan = r->plan(schema);
    chunks_ = plan.chunks.size();
    std::map<std::string, int> keys;
    for (const auto& bounds : plan.chunks) {
      const auto chunk = r->read(schema, bounds, plan.storage);
      EXPECT_EQ(chunk.failure, chunk_failure::none);
      for (const auto& b : chunk.rows.batches)
        for (const auto& c : b->changes) {
          std::string key;
          append_key(key, *b, b->new_row(c), schema.key);
          ++keys[key];
        }
      largest_ = std::max(largest_, chunk.rows.rows);
    }
    return keys;
  }

  void expect_every_row_once(const std::string& name, snapshot_options options) {
    const auto keys = read_all(name, std::move(options));
    EXPECT_EQ(std::to_string(keys.size()), value("SELECT count(*) FROM " + name)) << name;
    for (const auto& [key, times] : keys) ASSERT_EQ(times, 1) << name << ": " << key;
  }

  /// The keys of the first chunk, asked for by read_keys(), give as many rows again.
  void expect_rows_by_key(const std::string& name) {
    const auto schema = describe(name);
    if (schema.key.empty()) return;
    auto r = reader({.chunk_rows = 500});
    const auto plan = r->plan(schema);
    const auto chunk = r->read(schema, plan.chunks.at(0), plan.storage);
    if (chunk.rows.rows == 0) return;
    std::vector<std::vector<std::string>> keys;
    for (const auto& b : chunk.rows.batches)
      for (const auto& c : b->changes) {
        auto& key = keys.emplace_back();
        for (const auto column : schema.key) key.emplace_back(b->text(b->new_row(c)[column]));
      }
    EXPECT_EQ(r->read_keys(schema, schema.key, keys).rows.rows, chunk.rows.rows);
  }

  std::size_t chunks_ = 0;
  std::uint64_t largest_ = 0;
};

struct table_case {
  std::string what;
  std::string name;
  std::string ddl;
  std::size_t least_chunks = 1;
};

void PrintTo(const table_case& c, std::ostream* out) { *out << c.what; }

class ChunkBounds : public ChunkPlan, public testing::WithParamInterface<table_case> {};

TEST_P(ChunkBounds, CoverEveryRowExactlyOnce) {
  execute(GetParam().ddl);
  expect_every_row_once(GetParam().name, {.chunk_rows = 500});
  EXPECT_GE(chunks_, GetParam().least_chunks);
  execute("ANALYZE");
  expect_every_row_once(GetParam().name, {.chunk_rows = 500});
  EXPECT_GE(chunks_, GetParam().least_chunks);
  expect_rows_by_key(GetParam().name);
}

INSTANTIATE_TEST_SUITE_P(
    Keys, ChunkBounds,
    testing::Values(
        table_case{"Empty", "t", "CREATE TABLE t (id bigint PRIMARY KEY)"},
        table_case{"OneRow", "t",
                   "CREATE TABLE t (id bigint PRIMARY KEY); INSERT INTO t VALUES (7)"},
        table_case{"NoKey", "t", "CREATE TABLE t (id bigint); INSERT INTO t VALUES (7)"},
        table_case{"DenseBigint", "t",
                   "CREATE TABLE t (id bigint PRIMARY KEY, v text);"
                   "INSERT INTO t SELECT i, 'x' FROM generate_series(1, 5000) i",
                   8},
        table_case{"TopOfBigint", "t",
                   "CREATE TABLE t (id bigint PRIMARY KEY); INSERT INTO t SELECT "
                   "9223372036854775807 - i FROM generate_series(0, 4999) i",
                   8},
        table_case{"SparseBigint", "t",
                   "CREATE TABLE t (id bigint PRIMARY KEY);"
                   "INSERT INTO t SELECT i * i * 1000003 FROM generate_series(1::bigint, 5000) i",
                   8},
        table_case{"EndsOfBigint", "t",
                   "CREATE TABLE t (id bigint PRIMARY KEY); INSERT INTO t SELECT i FROM "
                   "generate_series(1, 2000) i; INSERT INTO t VALUES (-9223372036854775808), "
                   "(9223372036854775807)",
                   3},
        table_case{"NegativeInt", "t",
                   "CREATE TABLE t (id int PRIMARY KEY);"
                   "INSERT INTO t SELECT i FROM generate_series(-2500, 2500) i",
                   8},
        table_case{"Smallint", "t",
                   "CREATE TABLE t (id smallint PRIMARY KEY);"
                   "INSERT INTO t SELECT i FROM generate_series(-32768, 32767, 13) i",
                   8},
        table_case{"Uuid", "t",
                   "CREATE TABLE t (id uuid PRIMARY KEY);"
                   "INSERT INTO t SELECT gen_random_uuid() FROM generate_series(1, 5000)",
                   8},
        table_case{"TextUnderIcu", "t",
                   "CREATE TABLE t (id text COLLATE \"en-US-x-icu\" PRIMARY KEY); INSERT INTO t "
                   "SELECT CASE i % 3 WHEN 0 THEN upper(md5(i::text)) ELSE md5(i::text) END "
                   "FROM generate_series(1, 5000) i",
                   8},
        table_case{"NondeterministicCollation", "t",
                   "CREATE COLLATION ci (provider = icu, locale = 'und-u-ks-level2', "
                   "deterministic = false); CREATE TABLE t (id text COLLATE ci PRIMARY KEY);"
                   "INSERT INTO t SELECT md5(i::text) FROM generate_series(1, 5000) i",
                   8},
        table_case{"HostileText", "t",
                   "CREATE TABLE t (id text PRIMARY KEY); INSERT INTO t SELECT CASE i % 5 WHEN 0 "
                   "THEN '''' WHEN 1 THEN '\\' WHEN 2 THEN '\"' WHEN 3 THEN E'\\n\\t' ELSE 'Ключ☃' "
                   "END || md5(i::text) || '\\''' FROM generate_series(1, 5000) i; INSERT INTO t "
                   "VALUES ('')",
                   8},
        table_case{"PaddedChar", "t",
                   "CREATE TABLE t (id char(40) PRIMARY KEY);"
                   "INSERT INTO t SELECT md5(i::text) FROM generate_series(1, 5000) i",
                   8},
        table_case{"Composite", "t",
                   "CREATE TABLE t (b int, v text, a text, PRIMARY KEY (a, b)); INSERT INTO t "
                   "SELECT i, 'x', (i % 7)::text FROM generate_series(1, 5000) i",
                   8},
        table_case{"Numeric", "t",
                   "CREATE TABLE t (id numeric PRIMARY KEY); INSERT INTO t SELECT i / 7.0 - 300 "
                   "FROM generate_series(1, 5000) i; INSERT INTO t VALUES ('NaN')",
                   8},
        table_case{"Timestamptz", "t",
                   "CREATE TABLE t (id timestamptz PRIMARY KEY); INSERT INTO t SELECT now() - i * "
                   "interval '71.123456 min' FROM generate_series(1, 5000) i; INSERT INTO t VALUES "
                   "('infinity'), ('-infinity'), ('0044-03-15 01:02:03+00 BC')",
                   8},
        table_case{"Float", "t",
                   "CREATE TABLE t (id float8 PRIMARY KEY); INSERT INTO t SELECT sqrt(i) "
                   "FROM generate_series(1, 5000) i; INSERT INTO t VALUES ('NaN'), ('-Infinity')",
                   8},
        table_case{"BoolAndBytea", "t",
                   "CREATE TABLE t (a bool, b bytea, PRIMARY KEY (a, b)); INSERT INTO t SELECT "
                   "i % 2 = 0, sha256(i::text::bytea) FROM generate_series(1, 5000) i",
                   8},
        table_case{
            "EnumAndDomain", "t",
            "CREATE TYPE mood AS ENUM ('z', 'a'); CREATE DOMAIN code AS text CHECK (value <> '');"
            "CREATE TABLE t (a mood, b code, PRIMARY KEY (a, b)); INSERT INTO t SELECT "
            "(CASE WHEN i % 2 = 0 THEN 'z' ELSE 'a' END)::mood, md5(i::text) "
            "FROM generate_series(1, 5000) i",
            8},
        table_case{
            "ArrayAndRange", "t",
            "CREATE TABLE t (a int[], b int4range, PRIMARY KEY (a, b)); INSERT INTO t SELECT "
            "ARRAY[i % 50, 1], int4range(i, i + 5) FROM generate_series(1, 5000) i",
            8},
        table_case{"Citext", "t",
                   "CREATE EXTENSION citext; CREATE TABLE t (id citext PRIMARY KEY); INSERT INTO t "
                   "SELECT CASE i % 2 WHEN 0 THEN upper(md5(i::text)) ELSE md5(i::text) END "
                   "FROM generate_series(1, 5000) i",
                   8},
        table_case{
            "DomainOverCitext", "t",
            "CREATE EXTENSION citext; CREATE DOMAIN tag AS citext; CREATE DOMAIN tag2 AS tag;"
            "CREATE TABLE t (id tag2 PRIMARY KEY); INSERT INTO t SELECT CASE i % 2 WHEN 0 "
            "THEN upper(md5(i::text)) ELSE md5(i::text) END FROM generate_series(1, 5000) i",
            8},
        table_case{
            "ArrayOfCitext", "t",
            "CREATE EXTENSION citext; CREATE TABLE t (id citext[] PRIMARY KEY); INSERT INTO t "
            "SELECT ARRAY[CASE i % 2 WHEN 0 THEN upper(md5(i::text)) ELSE md5(i::text) END] "
            "FROM generate_series(1, 5000) i",
            8},
        table_case{
            "CompositeType", "t",
            "CREATE TYPE pair AS (a int, b text); CREATE DOMAIN checked AS pair;"
            "CREATE TABLE t (id pair, other checked, PRIMARY KEY (id, other)); INSERT INTO t "
            "SELECT (i % 50, 'a\"b,')::pair, (i, '')::pair FROM generate_series(1, 5000) i",
            8},
        table_case{
            "DomainUnderAnotherCollation", "t",
            "CREATE DOMAIN code AS text COLLATE \"de-x-icu\"; CREATE TABLE t (id code COLLATE "
            "\"en-US-x-icu\" PRIMARY KEY); INSERT INTO t SELECT CASE i % 2 WHEN 0 THEN "
            "upper(md5(i::text)) ELSE md5(i::text) END FROM generate_series(1, 5000) i",
            8},
        table_case{"IntegerAndCitext", "t",
                   "CREATE EXTENSION citext; CREATE TABLE t (a int, b citext, PRIMARY KEY (b, a)); "
                   "INSERT INTO t SELECT i, CASE i % 2 WHEN 0 THEN upper(md5((i % 99)::text)) ELSE "
                   "md5((i % 99)::text) END FROM generate_series(1, 5000) i",
                   8},
        table_case{"Partitioned", "t",
                   "CREATE TABLE t (id uuid, k int, PRIMARY KEY (id, k)) PARTITION BY LIST (k);"
                   "CREATE TABLE t0 PARTITION OF t FOR VALUES IN (0);"
                   "CREATE TABLE t1 PARTITION OF t FOR VALUES IN (1) PARTITION BY RANGE (id);"
                   "CREATE TABLE t1d PARTITION OF t1 DEFAULT; INSERT INTO t SELECT "
                   "gen_random_uuid(), i % 2 FROM generate_series(1, 5000) i",
                   8},
        table_case{"InheritanceParent", "ONLY t",
                   "CREATE TABLE t (id int PRIMARY KEY); CREATE TABLE child (x int) INHERITS (t);"
                   "INSERT INTO t SELECT i FROM generate_series(1, 2000) i;"
                   "INSERT INTO child SELECT i FROM generate_series(1, 2000) i",
                   3},
        table_case{"HostileNames", R"("Мой ""S"".x"."We""ird Таблица")",
                   R"(CREATE SCHEMA "Мой ""S"".x"; CREATE TABLE "Мой ""S"".x"."We""ird Таблица" )"
                   R"(("a""b'\" text, "Ключ" int, "select" text, PRIMARY KEY ("Ключ", "a""b'\"));)"
                   R"(INSERT INTO "Мой ""S"".x"."We""ird Таблица" SELECT i::text, i, '' )"
                   R"(FROM generate_series(1, 5000) i)",
                   8}),
    [](const auto& test) { return test.param.what; });

TEST_F(ChunkPlan, EndsWithTheLastIntegerKeySinceLaterRowsComeWithTheStream) {
  const std::pair<const char*, int> tables[] = {{"bigint", 4000}, {"int", 1}, {"smallint", 700}};
  for (const auto& [type, rows] : tables) {
    const auto numbers = "SELECT i FROM generate_series(1, " + std::to_string(rows) + ") i";
    execute(std::string("DROP TABLE IF EXISTS t; CREATE TABLE t (id ") + type
            + " PRIMARY KEY); INSERT INTO t " + numbers);
    const auto schema = describe("t");
    auto r = reader({.chunk_rows = 500});
    const auto plan = r->plan(schema);
    execute("INSERT INTO t SELECT i FROM generate_series(" + std::to_string(rows + 1)
            + ", 30000) i");
    std::uint64_t read = 0;
    for (const auto& bounds : plan.chunks) read += r->read(schema, bounds, plan.storage).rows.rows;
    EXPECT_EQ(read, static_cast<std::uint64_t>(rows)) << type;
  }
}

TEST_F(ChunkPlan, CutsAMillionRowsByTheKeysThatWereAskedFor) {
  execute("CREATE TABLE t (id bigint PRIMARY KEY, v text);"
          "INSERT INTO t SELECT i, 'row ' || i FROM generate_series(1, 1000000) i");
  expect_every_row_once("t", {});
  EXPECT_NEAR(static_cast<double>(chunks_), 100, 10);
  EXPECT_LE(largest_, 15000U);
}

TEST_F(ChunkPlan, CutsALargeTableOfRandomKeysFromASample) {
  execute("CREATE TABLE t (id text COLLATE \"en-US-x-icu\" PRIMARY KEY);"
          "INSERT INTO t SELECT md5(i::text) FROM generate_series(1, 300000) i; ANALYZE");
  expect_every_row_once("t", {});
  EXPECT_NEAR(static_cast<double>(chunks_), 30, 6);
  EXPECT_LE(largest_, 20000U);
}

TEST_F(ChunkPlan, CutsWideRowsByBytes) {
  execute(
      "CREATE TABLE t (id bigint PRIMARY KEY, v text); ALTER TABLE t ALTER v SET STORAGE EXTERNAL;"
      "INSERT INTO t SELECT i, repeat('x', 20000) FROM generate_series(1, 1000) i; ANALYZE");
  expect_every_row_once("t", {.chunk_bytes = 1U << 20});
  EXPECT_GE(chunks_, 18U);
}

} // namespace
} // namespace leat::postgres
