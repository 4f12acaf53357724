#include <gtest/gtest.h>
#include <libpq-fe.h>

#include <cstdlib>
#include <memory>
#include <optional>
#include <regex>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "dataflow/error.hpp"
#include "dataflow/expressions/evaluation_error.hpp"
#include "dataflow/expressions/expression.hpp"
#include "dataflow/expressions/time_zone.hpp"
#include "plugins/postgres/catalog.hpp"
#include "tests/support/expression_value.hpp"
#include "tests/support/expression_writer.hpp"
#include "tests/support/pg_server.hpp"

// PostgreSQL is the judge: random expressions over random rows, in leat and in a real server.

namespace leat::test {
namespace {

using sql::scalar;
using sql::sql_type;
using sql::type_id;

constexpr std::size_t rows_of_a_table = 20;

struct outcome {
  bool failed = false;
  std::optional<std::string> text; ///< the value, or the error
  bool operator==(const outcome& other) const {
    return failed == other.failed && (failed || text == other.text);
  }
};

std::string shown(const outcome& o) {
  if (o.failed) return "error: " + o.text.value_or("");
  return o.text ? "'" + *o.text + "'" : "NULL";
}

struct typed_column {
  const char* name;
  const char* type;
  sql_type of;
};

const std::vector<typed_column> columns{
    {"b", "boolean", scalar(type_id::boolean)},
    {"b2", "boolean", scalar(type_id::boolean)},
    {"s", "smallint", scalar(type_id::int2)},
    {"i", "integer", scalar(type_id::int4)},
    {"i2", "integer", scalar(type_id::int4)},
    {"l", "bigint", scalar(type_id::int8)},
    {"n", "numeric", scalar(type_id::numeric)},
    {"n2", "numeric", scalar(type_id::numeric)},
    {"r", "real", scalar(type_id::float4)},
    {"d", "double precision", scalar(type_id::float8)},
    {"t", "text", scalar(type_id::text)},
    {"t2", "text", scalar(type_id::text)},
    {"c", "character(5)", {type_id::bpchar, false, 4 + 5}},
    {"y", "bytea", scalar(type_id::bytea)},
    {"da", "date", scalar(type_id::date)},
    {"tm", "time", scalar(type_id::time_of_day)},
    {"ts", "timestamp", scalar(type_id::timestamp)},
    {"tz", "timestamptz", scalar(type_id::timestamptz)},
    {"iv", "interval", scalar(type_id::interval)},
    {"u", "uuid", scalar(type_id::uuid)},
    {"j", "json", scalar(type_id::json)},
    {"jb", "jsonb", scalar(type_id::jsonb)},
    {"ia", "integer[]", {type_id::int4, true, -1}},
    {"ta", "text[]", {type_id::text, true, -1}},
};

class Expressions : public testing::Test {
 protected:
  static void SetUpTestSuite() { server_ = std::make_unique<pg_server>(); }
  static void TearDownTestSuite() { server_.reset(); }

  void SetUp() override {
    session_.emplace(server_->session());
    session_->execute(
        "SET DateStyle = 'ISO,MDY'; SET IntervalStyle = 'postgres'; SET TimeZone = 'UTC'; "
        "SET extra_float_digits = 1; SET bytea_output = 'hex'; SET jit = off");
    table_schema t;
    t.id = 1;
    t.schema = "public";
    t.name = "t";
    for (const auto& c : columns) {
      column made;
      made.name = c.name;
      made.type = sql::oid_of(c.of);
      made.modifier = c.of.modifier;
      made.type_name = sql::name_of(c.of);
      made.kind = sql::class_of(c.of);
      t.columns.push_back(made);
    }
    schema_ = std::make_shared<const table_schema>(t);
  }

  /// A table of random rows at the server, and the same cells in a batch.
  void fill(expression_writer& writer) {
    std::string create = "DROP TABLE IF EXISTS public.t; CREATE TABLE public.t (k integer";
    for (const auto& c : columns) create += std::string(", ") + c.name + " " + c.type;
    session_->execute(create + ")");
    for (std::size_t k = 0; k < rows_of_a_table; ++k) {
      std::string insert = "INSERT INTO public.t VALUES (" + std::to_string(k);
      for (const auto& c : columns) {
        if (writer.roll(7) == 0) {
          insert += ", NULL";
          continue;
        }
        insert += ", '";
        for (const char ch : writer.value(c.of))
          insert += ch == '\'' ? std::string("''") : std::string(1, ch);
        insert += "'";
      }
      session_->execute(insert + ")");
    }
    batch_builder builder(schema_);
    rows_ = session_->query("SELECT * FROM public.t ORDER BY k");
    for (const auto& r : rows_) {
      row cells;
      for (std::size_t c = 1; c < r.size(); ++c)
        cells.push_back(r[c] ? value(*r[c]) : value(nullptr));
      builder.insert(cells);
    }
    batch_ = builder.build();
  }

  struct answers {
    std::vector<outcome> rows;
    oid type = 0;
    int modifier = -1;
  };

  answers ask_server(const std::string& expression) {
    answers out;
    const auto run = [&](const std::string& where) {
      return std::unique_ptr<PGresult, void (*)(PGresult*)>(
          PQexec(session_->raw(),
                 ("SELECT " + expression + " FROM public.t " + where + " ORDER BY k").c_str()),
          PQclear);
    };
    const auto take = [&](const PGresult* r, int n) {
      outcome o;
      if (PQgetisnull(r, n, 0) == 0)
        o.text = std::string(PQgetvalue(r, n, 0), static_cast<std::size_t>(PQgetlength(r, n, 0)));
      out.rows.push_back(o);
      out.type = PQftype(r, 0);
      out.modifier = PQfmod(r, 0);
    };
    const auto whole = run("");
    if (PQresultStatus(whole.get()) == PGRES_TUPLES_OK) {
      for (int n = 0; n < PQntuples(whole.get()); ++n) take(whole.get(), n);
      return out;
    }
    for (std::size_t k = 0; k < rows_of_a_table; ++k) {
      const auto one = run("WHERE k = " + std::to_string(k));
      if (PQresultStatus(one.get()) == PGRES_TUPLES_OK)
        take(one.get(), 0);
      else
        out.rows.push_back({true, PQerrorMessage(session_->raw())});
    }
    return out;
  }

  answers ask_leat(const std::string& text) {
    answers out;
    sql::expression_ptr compiled;
    try {
      compiled = sql::expression::compile(text, *schema_);
    } catch (const error& e) {
      out.rows.assign(rows_of_a_table, {true, std::string(e.what()) + " " + e.where()});
      return out;
    }
    out.type = sql::oid_of(compiled->type());
    out.modifier = compiled->type().modifier;
    sql::evaluation evaluation(compiled);
    for (const auto& c : batch_->changes) {
      outcome o;
      try {
        const auto& d = evaluation.run(*batch_, batch_->new_row(c), &c);
        if (!d.null) {
          o.text.emplace();
          sql::print_value(compiled->type(), d, *o.text);
        }
      } catch (const sql::evaluation_error& e) {
        o = {true, e.sqlstate + " " + e.what()};
      }
      out.rows.push_back(o);
    }
    return out;
  }

  /// Whether they agree; a difference is a failure that shows expression and row.
  bool compare(const std::string& expression, std::uint64_t seed) {
    const auto theirs = ask_server(expression);
    const auto ours = ask_leat(expression);
    gave_value_ = std::any_of(ours.rows.begin(), ours.rows.end(),
                              [](const auto& o) { return !o.failed && o.text; });
    for (std::size_t k = 0; k < rows_of_a_table; ++k) {
      if (ours.rows[k] == theirs.rows[k]) continue;
      std::string cells;
      for (std::size_t c = 0; c < columns.size(); ++c)
        if (std::regex_search(expression, std::regex(std::string("\\b") + columns[c].name + "\\b")))
          cells +=
              std::string("\n    ") + columns[c].name + " = " + rows_[k][c + 1].value_or("NULL");
      ADD_FAILURE() << "seed " << seed << ": " << expression
                    << "\n  PostgreSQL: " << shown(theirs.rows[k])
                    << "\n  leat:       " << shown(ours.rows[k]) << cells;
      return false;
    }
    if (theirs.type != 0 && ours.type != 0 && theirs.type != ours.type) {
      ADD_FAILURE() << "seed " << seed << ": " << expression << " has type " << theirs.type
                    << " at PostgreSQL, " << ours.type << " at leat";
      return false;
    }
    failures_ += static_cast<std::size_t>(
        std::count_if(ours.rows.begin(), ours.rows.end(), [](const auto& o) { return o.failed; }));
    return true;
  }

  static std::unique_ptr<pg_server> server_;
  std::optional<pg_session> session_;
  schema_ptr schema_;
  batch_ptr batch_;
  text_rows rows_;
  std::size_t failures_ = 0;
  bool gave_value_ = false; ///< the expression that was compared last, for some row
};

std::unique_ptr<pg_server> Expressions::server_;

std::uint64_t wanted_comparisons() {
  if (const char* n = std::getenv("LEAT_TEST_COMPARISONS")) return std::strtoull(n, nullptr, 10);
  return std::getenv("LEAT_TEST_FULL") != nullptr ? 200'000 : 10'000;
}

TEST_F(Expressions, GiveWhatPostgresqlGives) {
  if (server_->version() < 140000 || server_->version() >= 170000)
    GTEST_SKIP() << "leat's are those of 14 to 16";
  const char* given = std::getenv("LEAT_TEST_SEED");
  std::uint64_t seed = given != nullptr ? std::strtoull(given, nullptr, 10) : 1;
  std::vector<expression_writer::column> known;
  for (const auto& c : columns) known.push_back({c.name, c.of});
  std::uint64_t compared = 0;
  int differences = 0;
  std::set<const sql::function*> covered;
  for (; compared < wanted_comparisons() && differences < 20; ++seed) {
    expression_writer writer(seed, known);
    fill(writer);
    for (int n = 0; n < 50 && differences < 20; ++n) {
      const auto text = writer.of(writer.any_type(), 1 + static_cast<int>(writer.roll(3)));
      if (!compare(text, seed)) ++differences;
      auto called = writer.take_called();
      if (gave_value_) covered.merge(called);
      compared += rows_of_a_table;
    }
  }
  RecordProperty("comparisons", std::to_string(compared));
  RecordProperty("errors", std::to_string(failures_));
  if (compared < 200'000) return;
  for (const auto& f : sql::functions())
    EXPECT_TRUE(covered.contains(&f) || f.result == sql::any_array)
        << "no value came of " << f.name << " that gives " << sql::name_of(f.result);
  EXPECT_LT(failures_, compared / 2) << "too many expressions fail to say much";
}

/// Leat's value, or its error, of an expression that reads no column.
std::string constant(const std::string& text) {
  table_schema none;
  none.name = "none";
  return value_of(text, std::make_shared<const table_schema>(none), {});
}

TEST_F(Expressions, KnowTheRulesOfEveryTimeZone) {
  if (session_->value("SELECT version()").find("Debian") == std::string::npos)
    GTEST_SKIP() << "the server brings time zones of its own";
  // A moment each two and a half hours of the days around changes, and some far away.
  const auto rows =
      session_->query("WITH moments(t) AS (SELECT generate_series(timestamp '2024-03-30', "
                      "timestamp '2024-04-01', '150 minutes') "
                      "UNION ALL SELECT generate_series(timestamp '2024-10-26', timestamp "
                      "'2024-10-28', '150 minutes') "
                      "UNION ALL SELECT generate_series(timestamp '1880-01-01', timestamp "
                      "'2120-01-01', '2999 days 3 hours 17 minutes')"
                      "UNION ALL VALUES (timestamp '0044-03-15 BC'), (timestamp '2500-07-01'), "
                      "(timestamp '2500-03-28 02:30')), "
                      "zones AS (SELECT name FROM pg_timezone_names WHERE name LIKE '%/%' AND name "
                      "NOT LIKE 'posix/%' ORDER BY name) "
                      "SELECT name, string_agg(extract(epoch FROM t)::bigint::text, ','), "
                      "string_agg(extract(epoch FROM (t AT TIME ZONE 'UTC') AT TIME ZONE "
                      "name)::bigint::text, ','), "
                      "string_agg(extract(epoch FROM t AT TIME ZONE name)::bigint::text, ',') FROM "
                      "zones, moments GROUP BY name");
  ASSERT_GT(rows.size(), 300u);
  const auto numbers = [](const std::string& list) {
    std::vector<std::int64_t> out;
    std::istringstream in(list);
    for (std::string one; std::getline(in, one, ',');) out.push_back(std::stoll(one));
    return out;
  };
  for (const auto& r : rows) {
    const auto& zone = sql::find_time_zone(*r[0]);
    const auto moments = numbers(*r[1]), walls = numbers(*r[2]), instants = numbers(*r[3]);
    for (std::size_t i = 0; i < moments.size(); ++i) {
      ASSERT_EQ(moments[i] + zone.offset_at(moments[i]), walls[i]) << *r[0] << " at " << moments[i];
      ASSERT_EQ(moments[i] - zone.offset_of_local(moments[i]), instants[i])
          << *r[0] << ", local " << moments[i];
    }
  }
}

TEST_F(Expressions, GiveWhatPostgresqlGivesOfRareThings) {
  if (server_->version() < 140000) GTEST_SKIP() << "arrays of two types are joined since 14";
  for (const char* text : {"ARRAY[1] || NULL",
                           "NULL::int[] || 1",
                           "NULL::int[] || NULL::int[]",
                           "1 || ARRAY[2]",
                           "ARRAY[1] || '{2,3}'",
                           "ARRAY[1] || ARRAY[2::bigint]",
                           "ARRAY['a'] || 'b'::text",
                           "ARRAY['a'] || NULL::text",
                           "'{}'::int[] || '{}'::int[]",
                           R"('{"a": 1, "b": 2}'::jsonb || '{"b": {"c": 3}, "aa": 0}')",
                           R"('[1]'::jsonb || '[]')",
                           R"('1'::jsonb || '{}')",
                           R"('{}'::jsonb || '2')",
                           R"('[]'::jsonb || '{"a": 1}')",
                           R"('{"a": 1}'::jsonb || '[1, 2]')",
                           R"('"x"'::jsonb || 'null')",
                           R"('{}'::jsonb || '[]')",
                           R"('[]'::jsonb || '3')",
                           R"('x' || '[1]'::jsonb::text)",
                           "('2024-02-29 12:34:56.789+02'::timestamptz)::time",
                           "('infinity'::timestamptz)::time",
                           "'24:00:00'::time::interval",
                           "time '23:59:59.9' + interval '1 day 00:00:00.2'",
                           "time(2) '23:59:59.999'",
                           "date '2024-02-29' + time '24:00:00'",
                           "extract(epoch from time '12:34:56.789')",
                           R"(upper('naïve' COLLATE "C") || lower('Ü' COLLATE "C"))",
                           R"(('Ü' COLLATE "C" ILIKE 'ü')::text || ('Ü' ILIKE 'ü')::text)",
                           R"(upper(('a' COLLATE "C" < 'ü')::text || 'ü'))",
                           "to_char(date '2024-02-29', 'TZ OF')",
                           "to_char(timestamp '0044-03-15 BC', 'YYYY BC CC IYYY')",
                           "to_char(timestamp 'infinity', 'YYYY')",
                           "to_char(timestamp '2024-02-29', '')",
                           "to_char(timestamp '2024-12-30', 'IYYY-IW-ID IDDD FMIDDDth')",
                           "to_char(timestamp '2011-11-11', 'DDTH FMMMth MIth YYYYth')",
                           "timestamp '2024-03-31 02:30:00' AT TIME ZONE 'Europe/Berlin'",
                           "timestamp '2024-10-27 02:30:00' AT TIME ZONE 'Europe/Berlin'",
                           "timestamptz '2024-07-01 12:00:00+00' AT TIME ZONE interval '-03:30'",
                           "regexp_replace('Ä1_日 x-\u3000', '\\w+', '<\\&>', 'g')",
                           "regexp_replace('Ä1_日 x-\u3000', '[\\s[:punct:]]', '.', 'g')",
                           "('ä' ~ '[[:upper:]]')::text || ('ä' ~* '^[[:upper:]]$')",
                           "('ä' COLLATE \"C\" ~ '\\w')::text || ('日' ~ '[^\\w]')",
                           "('Öa' COLLATE \"C\" ~* '^ö')::text || ('öA' COLLATE \"C\" ~* '^ö+a')",
                           "('a{,2}' ~ '^a{,2}$')::text || ('a]_' ~ '^[]a_\\]]+$')",
                           "(ARRAY[date '2024-02-29'])::timestamptz[]",
                           "(ARRAY[timestamp '2024-02-29 12:00'])::text[]",
                           "'0x1.8p1'::float8 + '0xb'::float4",
                           "(-2.08236254e+38::float8)::text",
                           "('ab'::char(4) LIKE 'ab')::text || ('ab'::char(4) LIKE 'ab__')",
                           "('ab'::char(4) NOT LIKE 'ab')::text || ('ab'::char(4) ILIKE 'AB  ')",
                           "('ab'::char(4) NOT ILIKE 'AB')::text || ('ab'::char(4) ~ 'b$')",
                           "('ab'::char(4) !~ 'b$')::text || ('ab'::char(4) ~* 'B  $')",
                           "('ab'::char(4) !~* 'B$')::text || ('ab  ' LIKE 'ab'::char(4))",
                           "('ab'::char(4) LIKE 'ab'::char(4))::text || ('ab'::text LIKE 'ab')",
                           "('ab'::varchar(4) LIKE 'ab')::text || ('ab' LIKE 'ab'::char(4))",
                           "octet_length('ö'::char(4)) * 100 + length('ö'::char(4))",
                           "octet_length('ö') * 100 + octet_length('ö'::varchar(4))",
                           "9007199254740993::float8 + 5e-324::float8"}) {
    const auto wanted =
        session_->value(std::string("SELECT coalesce((") + text + ")::text, 'NULL')");
    EXPECT_EQ(constant(text), wanted) << text;
  }
}

TEST_F(Expressions, FailWherePostgresqlFails) {
  for (const char* text :
       {"timestamp '2024-01-01' + interval '300000000 days'",
        "timestamp '2024-01-01' - interval '2147483647 days'",
        "date_trunc('millennium', timestamp '4714-11-24 00:00 BC')", "'a' ~ '^*a'", "'a' ~ 'a**'",
        "'a' ~ '[a'", "'a' ~ '[[:none:]]'", "'0xg'::float8", "'0x'::float8", "1e400::float8"}) {
    EXPECT_THROW(constant(text), error) << text;
    EXPECT_ANY_THROW(session_->value(std::string("SELECT ") + text)) << text;
  }
}

TEST_F(Expressions, GiveWhatPostgresqlGivesOfEnumsAndDomains) {
  for (const char* statement :
       {R"(CREATE SCHEMA shop)",
        R"(CREATE TYPE shop."St""ate" AS ENUM ('open', 'Größe "1"', 'closed'))",
        R"(ALTER TYPE shop."St""ate" ADD VALUE 'new' BEFORE 'open')",
        R"(CREATE DOMAIN shop.calm AS shop."St""ate" CHECK (value <> 'open'))",
        R"(CREATE DOMAIN shop.price AS numeric(8,2))", R"(CREATE DOMAIN shop.name AS varchar(20))",
        R"(CREATE TABLE shop.orders (k int PRIMARY KEY, state shop."St""ate", calm shop.calm,
             price shop.price, name shop.name))",
        R"(INSERT INTO shop.orders VALUES (1, 'open', 'closed', 1.5, 'a'), (2, 'new', 'new', 0, ''),
             (3, 'closed', 'Größe "1"', -2.25, 'Ünder'), (4, NULL, NULL, NULL, NULL))"})
    session_->execute(statement);
  postgres::connection db(server_->parameters(), postgres::connection_use::query);
  const auto tables = postgres::list_tables(db, postgres::type_catalog::load(db));
  const auto found = std::find_if(tables.begin(), tables.end(),
                                  [](const auto& t) { return t.schema->name == "orders"; });
  ASSERT_NE(found, tables.end());
  batch_builder builder(found->schema);
  for (const auto& r : session_->query("SELECT * FROM shop.orders ORDER BY k")) {
    row cells;
    for (const auto& c : r) cells.push_back(c ? value(*c) : value(nullptr));
    builder.insert(cells);
  }
  const auto rows = builder.build();
  for (const char* text : {"state = 'open'",
                           "state <> 'closed'",
                           "'open' < state",
                           "state >= 'Größe \"1\"'",
                           "state BETWEEN 'new' AND 'open'",
                           "state IN ('open', 'closed', NULL)",
                           "state NOT IN ('new')",
                           "state = ANY('{new,open}')",
                           "state IS DISTINCT FROM 'open'",
                           "state::text || '!'",
                           "length(state::varchar)",
                           "state || 'x'",
                           "concat(state, 1)",
                           "CASE state WHEN 'open' THEN 1 WHEN 'closed' THEN 2 END",
                           "coalesce(state, 'closed')",
                           "NULLIF(state, 'open')",
                           "state = 'new'::shop.\"St\"\"ate\"",
                           "calm::text",
                           "price * 2",
                           "price > 0",
                           "name = 'a'",
                           "upper(name)",
                           "name || '.'",
                           "CASE WHEN price > 0 THEN state ELSE 'new' END"}) {
    sql::evaluation ours(sql::expression::compile(text, *found->schema));
    const auto theirs =
        session_->query(std::string("SELECT (") + text + ")::text FROM shop.orders ORDER BY k");
    for (std::size_t k = 0; k < theirs.size(); ++k) {
      const auto& c = rows->changes[k];
      const auto& d = ours.run(*rows, rows->new_row(c), &c);
      std::string shown_value = "NULL";
      if (!d.null) {
        shown_value.clear();
        sql::print_value(ours.of().type(), d, shown_value);
        if (ours.of().type().id == type_id::boolean) shown_value = d.truth() ? "true" : "false";
      }
      EXPECT_EQ(shown_value, theirs[k][0].value_or("NULL")) << text << ", row " << k + 1;
    }
  }
}

} // namespace
} // namespace leat::test
