#include <gmock/gmock.h>

#include "plugins/postgres/connection.hpp"
#include "tests/integration/postgres_sink_fixture.hpp"

namespace leat::test {

namespace {

/// Types with values whose text takes care: infinities, blanks at the end, quotes, precision. What
/// came with PostgreSQL 14 has a name with @.
constexpr const char* all_types = R"(
CREATE SCHEMA shop;
CREATE TYPE shop.mood AS ENUM ('sad', 'so "so"');
CREATE DOMAIN shop.short AS varchar(4) CHECK (VALUE <> 'no');
CREATE TYPE shop.pair AS (a int, b text);
CREATE TABLE source (
  id int PRIMARY KEY, b boolean, i2 smallint, i8 bigint, o oid, f4 real, f8 double precision,
  n numeric, n12 numeric(12,2), m money, t text, v3 varchar(3), c5 char(5), c1 "char", nm name,
  bt bytea, d date, tm time(3), tz timetz, ts timestamp(3), tstz timestamptz, iv interval, u uuid,
  j json, jb jsonb, x xml, b3 bit(3), vb varbit, ip inet, cd cidr, mac macaddr, p point, bx box[],
  ia int[], ta text[], va varchar(3)[], r int4range, mr @multirange, tv tsvector, lsn pg_lsn,
  rc regclass, mo shop.mood, sh shop.short, pr shop.pair, moa shop.mood[], ix8 xid8);
INSERT INTO source VALUES
 (1, true, -32768, -9223372036854775808, 4294967295, 'NaN', '-Infinity', 'NaN', -0.50, -1234.56, E'a\tb\\N\n"', 'abc',
  'ab', 'x', 'nm', '\x00ff5c27', '0044-03-15 BC', '24:00:00', '12:34:56.5+05:30', 'infinity', '2024-02-29 12:34:56.789+00',
  '1 year 2 mons -3 days +04:05:06.789', 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', '{"a": 1,  "a": 2.50}', '{"b": 1e3}',
  '<a>1</a>', B'101', B'', '192.168.0.1', '10.0.0.0/8', '08:00:2b:01:02:03', '(1.5,-2)', '{(2,2),(0,0)}',
  '[2:4]={7,NULL,9}', '{"",NULL,"NULL","a\"b\\c,{}"}', '{abc,NULL}', '[1,6)', '{[1,3),[5,8)}', '''brown'':3',
  '16/B374D848', 'pg_class', 'so "so"', 'four', '(1,"x y")', '{sad,"so \"so\""}', '18446744073709551615'),
 (2, false, 0, 0, 0, '1e-45', '5e-324', '@infinity', 9999999999.99, 0, '', '', '', '', '', '\x', 'infinity', '00:00', '00:00-00:00:01',
  '294276-12-31 23:59:59.999', '0044-03-15 01:02:03+00 BC', '0', 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', 'null', 'null', '',
  B'000', B'1', '::1/64', '::/0', '08:00:2b:01:02:03', '(-0,0)', '{}', '{}', '{}', '{}', 'empty', '{}', '', '0/0', 'pg_type',
  'sad', '', '(,)', '{}', '0');
INSERT INTO source (id) VALUES (3);
)";

} // namespace

class postgres_sink_types_test : public postgres_sink_test {
 protected:
  schema_ptr source_schema() {
    table_schema schema;
    schema.schema = "public";
    schema.name = "copy of source";
    const auto columns =
        connection_->query("SELECT attname, format_type(atttypid, atttypmod), atttypid < 16384 "
                           "FROM pg_attribute WHERE "
                           "attrelid = 'public.source'::regclass AND attnum > 0 ORDER BY attnum");
    for (int i = 0; i < columns.rows(); ++i) {
      column c;
      c.name = columns.string(i, 0);
      c.type_name = columns.string(i, 1);
      c.kind = class_of(c.type_name);
      c.built_in = columns.boolean(i, 2);
      schema.columns.push_back(std::move(c));
    }
    schema.key = {0};
    return std::make_shared<const table_schema>(std::move(schema));
  }

  std::vector<row> source_rows() {
    const auto read = connection_->query("SELECT * FROM public.source ORDER BY 1");
    std::vector<row> rows(static_cast<std::size_t>(read.rows()));
    for (int i = 0; i < read.rows(); ++i)
      for (int c = 0; c < read.columns(); ++c)
        rows[static_cast<std::size_t>(i)].push_back(read.is_null(i, c) ? value(nullptr)
                                                                       : value(read.string(i, c)));
    return rows;
  }

  void expect_equal_tables() {
    const auto columns = connection_->query("SELECT attname FROM pg_attribute WHERE attrelid = "
                                            "'public.source'::regclass AND attnum > 0");
    for (int i = 0; i < columns.rows(); ++i) {
      const auto text = "format('%s', " + postgres::quote_identifier(columns.text(i, 0)) + ")";
      const auto all = [&](const std::string& from) {
        return connection_
            ->query("SELECT string_agg(" + text + ", '; ' ORDER BY id) FROM public." + from)
            .string(0, 0);
      };
      EXPECT_EQ(all("\"copy of source\""), all("source")) << columns.text(i, 0);
    }
  }

  void connect() {
    const bool has_all = server().version() >= 140000;
    std::string sql = all_types;
    const auto put = [&](std::string_view name, const char* value) {
      sql.replace(sql.find(name), name.size(), value);
    };
    put("@multirange", has_all ? "int4multirange" : "text");
    put("@infinity", has_all ? "Infinity" : "NaN");
    execute(sql);
    connection_ = std::make_unique<postgres::connection>(server().parameters(database_),
                                                         postgres::connection_use::query);
  }

  std::unique_ptr<postgres::connection> connection_;
};

TEST_F(postgres_sink_types_test, KeepsTheTextOfEveryTypeThroughArrays) {
  connect();
  const auto schema = source_schema();
  auto sink = open(share(route_of(schema)));
  batch_builder batch(schema);
  for (const auto& r : source_rows()) batch.insert(r);
  sink.write(batch.build());
  sink.commit_next();
  expect_equal_tables();
}

TEST_F(postgres_sink_types_test, KeepsTheTextOfEveryTypeThroughCopy) {
  connect();
  const auto schema = source_schema();
  auto sink = open(share(route_of(schema)));
  batch_builder batch(schema);
  for (const auto& r : source_rows()) batch.read(r);
  for (int i = 0; i < 100; ++i) {
    auto filler = source_rows()[2];
    filler[0] = value(100 + i);
    batch.read(filler);
  }
  sink.write(batch.build());
  sink.commit_next();
  execute("DELETE FROM \"copy of source\" WHERE id >= 100");
  expect_equal_tables();
}

TEST_F(postgres_sink_types_test, MakesTheSameTypesAndTextWhereATypeIsNotThere) {
  connect();
  auto schema = *source_schema();
  column c;
  c.name = "far";
  c.type_name = "elsewhere.unknown";
  c.built_in = false;
  schema.columns.push_back(c);
  auto sink = open(share(route_of(std::make_shared<const table_schema>(schema))));
  EXPECT_EQ(
      rows_of(
          "SELECT attname, format_type(atttypid, atttypmod) FROM pg_attribute a WHERE attrelid = "
          "'\"copy of source\"'::regclass AND attnum > 0 AND NOT EXISTS (SELECT FROM pg_attribute "
          "b WHERE attrelid = 'source'::regclass AND a.attname = b.attname AND a.atttypid = "
          "b.atttypid AND a.atttypmod = b.atttypmod) ORDER BY attnum"),
      "rc|text far|text");
}

TEST_F(postgres_sink_types_test, FindsRowsWithoutKeyByEveryType) {
  connect();
  auto keyless = *source_schema();
  keyless.key.clear();
  keyless.identity = replica_identity::full;
  const auto schema = std::make_shared<const table_schema>(keyless);
  auto sink = open(share(route_of(schema)));
  const auto rows = source_rows();
  sink.write(batch_builder(schema).insert(rows[0]).insert(rows[1]).insert(rows[2]).build());
  sink.commit_next();
  batch_builder batch(schema);
  for (const auto& r : rows) batch.remove(r, old_row_kind::full);
  sink.write(batch.build());
  sink.commit_next();
  EXPECT_EQ(value_of("SELECT count(*) FROM \"copy of source\""), "0");
}

} // namespace leat::test
