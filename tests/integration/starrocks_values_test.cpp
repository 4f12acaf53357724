#include <gmock/gmock.h>

#include <array>
#include <charconv>

#include "tests/integration/starrocks_pipeline_fixture.hpp"

// Every type of PostgreSQL with the values that others lose: source -> leat -> StarRocks, by the
// snapshot in one run and by the stream in another.

namespace leat::test {
namespace {

/// How the source says what StarRocks shall print: SQL over `v`.
constexpr const char* as_text = "v::text";
constexpr const char* as_flag = "v::int::text";
constexpr const char* as_hex = "upper(encode(v, 'hex'))";
constexpr const char* as_datetime =
    "regexp_replace(to_char(v, 'YYYY-MM-DD HH24:MI:SS.US'), '\\.000000$', '')";
constexpr const char* as_utc =
    "regexp_replace(to_char(v AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.US'), '\\.000000$', '')";
/// StarRocks' own printing of numbers in binary, JSON and arrays is judged by values that print
/// alike, or by the text that is given.
struct nasty {
  std::string value; ///< as a literal's text
  std::optional<std::string> expected =
      std::nullopt; ///< what StarRocks prints, where it is not `print` of it
};

struct tried_type {
  std::string name; ///< of the column
  std::string type; ///< SQL
  const char* print = as_text;
  std::vector<nasty> values;
};

const std::string null = "NULL";

std::vector<tried_type> tried_types() {
  return {
      {"flag", "boolean", as_flag, {{"t"}, {"f"}}},
      {"small", "smallint", as_text, {{"-32768"}, {"32767"}, {"0"}}},
      {"medium", "integer", as_text, {{"-2147483648"}, {"2147483647"}}},
      {"big", "bigint", as_text, {{"-9223372036854775808"}, {"9223372036854775807"}}},
      {"object", "oid", as_text, {{"0"}, {"4294967295"}}},
      {"xid", "xid", as_text, {{"4294967295"}, {"0"}}},
      {"xid8", "xid8", as_text, {{"18446744073709551615"}, {"0"}}},
      {"cid", "cid", as_text, {{"4294967295"}}},
      {"f4",
       "real",
       as_text,
       {{"0.1"},
        {"-0.5"},
        {"123456.79"},
        {"3.4028235e+38"},
        {"-0"},
        {"NaN", null},
        {"Infinity", null},
        {"-Infinity", null}}},
      {"f8",
       "double precision",
       as_text,
       {{"0.1"},
        {"0.30000000000000004"},
        {"-123456.789"},
        {"-0"},
        {"NaN", null},
        {"Infinity", null}}},
      {"n",
       "numeric",
       as_text,
       {{"0.00"},
        {"-0.0"},
        {"12345678901234567890123456789012345678901234567890.123456789"},
        {"1e-30"},
        {"NaN"},
        {"Infinity"},
        {"-Infinity"}}},
      {"n122",
       "numeric(12,2)",
       as_text,
       {{"9999999999.99"}, {"-9999999999.99"}, {"0.1"}, {"NaN", null}}},
      {"n7610",
       "numeric(76,10)",
       as_text,
       {{"999999999999999999999999999999999999999999999999999999999999999999.9999999999"}, {"-1"}}},
      {"n100",
       "numeric(100,50)",
       as_text,
       {{"1.00000000000000000000000000000000000000000000000001"}, {"NaN"}}},
      {"n_round", "numeric(3,-2)", as_text, {{"12345"}, {"-99900"}}},
      {"n_small", "numeric(3,5)", as_text, {{"0.00999"}, {"-0.00001"}}},
      {"cash", "money", as_text, {{"-1234567.89"}, {"92233720368547758.07"}}},
      {"day",
       "date",
       as_text,
       {{"2024-02-29"},
        {"0001-01-01"},
        {"9999-12-31"},
        {"infinity", null},
        {"-infinity", null},
        {"0044-03-15 BC", null},
        {"10000-01-01", null},
        {"5874897-12-31", null}}},
      {"ts",
       "timestamp",
       as_datetime,
       {{"2024-02-29 12:34:56.789"},
        {"2024-02-29 12:34:56.000001"},
        {"9999-12-31 23:59:59.999999"},
        {"2024-01-01 00:00:00"},
        {"infinity", null},
        {"0044-03-15 01:02:03 BC", null},
        {"294276-12-31 23:59:59.999999", null}}},
      {"tz",
       "timestamptz",
       as_utc,
       {{"2024-02-29 12:34:56.789+05:30"},
        {"1800-01-01 00:00:00+05:21:10"},
        {"2024-01-01 00:00:00-12"},
        {"-infinity", null},
        {"0044-03-15 01:02:03+00 BC", null},
        {"20000-01-01 00:00:00+00", null}}},
      {"tod", "time", as_text, {{"00:00:00"}, {"24:00:00"}, {"12:34:56.7891"}}},
      {"todz",
       "timetz",
       as_text,
       {{"12:34:56.5+05:30"}, {"12:34:56-00:00:01"}, {"24:00:00+15:59:59"}}},
      {"span",
       "interval",
       as_text,
       {{"1 year 2 mons -3 days +04:05:06.789"}, {"0"}, {"-0.5 seconds"}, {"178000000 years"}}},
      {"bytes", "bytea", as_hex, {{"\\x00ff5c27"}, {"\\x"}, {"\\x0a0d22"}}},
      {"id16", "uuid", as_text, {{"A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11"}}},
      {"fixed", "char(5)", "rpad(v, 5)", {{"ab"}, {""}, {"Мост"}}},
      {"short", "varchar(5)", as_text, {{"abcde"}, {""}, {"Мост!"}, {"  "}}},
      {"words",
       "text",
       as_text,
       {{""},
        {"NULL"},
        {"null"},
        {R"(\)"},
        {R"(\\N)"},
        {"a\tb\nc\r\nd"},
        {R"("quoted", 'so' `too`)"},
        {"\x01\x02\x1f\x7f"},
        {"Таблица 😀 \u200d\ufeff"},
        {"[1,2]"},
        {R"({"a": 1})"},
        {"t"},
        {"2024-02-30"}}},
      {"label", "name", as_text, {{R"(We"ird)"}, {""}}},
      {"ci", "citext", as_text, {{"MiXed"}}},
      {"byte", "\"char\"", as_text, {{"x"}, {""}}},
      {"doc",
       "json",
       as_text,
       {{R"({"b": 2.5, "a": [1, null, "x\"y"]})"},
        {"[]"},
        {"\"text\""},
        {"9223372036854775807"},
        {R"({"s": "\ud800"})", null},
        {"null", null}}},
      {"docb",
       "jsonb",
       as_text,
       {{R"({"b": 2.5, "a": [1, null, "x\"y"], "Мост": {}})"},
        {"{}"},
        {"true"},
        {"-1"},
        {"123456789012345678901234567890", null}}},
      {"ints",
       "int[]",
       "to_json(v)::text",
       {{"{1,2,NULL}"}, {"{}"}, {"{{1,2},{3,4}}", null}, {"[2:4]={7,8,9}", null}}},
      {"texts",
       "text[]",
       "to_json(v)::text",
       {{R"({"","NULL",NULL,"a,b","{}","\"","\\"})"}, {"{Мост}"}, {"{{a},{b}}", null}}},
      {"flags", "boolean[]", as_text, {{"{t,f,NULL}", "[1,0,null]"}}},
      {"days", "date[]", "to_json(v)::text", {{"{2024-02-29,NULL}"}, {"{infinity}", null}}},
      {"decimals", "numeric[]", as_text, {{"{1.50,NaN,NULL}"}}},
      {"boxes", "box[]", as_text, {{"{(2,2),(0,0);(3,3),(1,1)}"}}},
      {"docs", "jsonb[]", as_text, {{R"({"{\"a\": 1}",NULL})"}}},
      {"mood", "public.mood", as_text, {{"so so"}, {R"("great")"}}},
      {"moods", "public.mood[]", as_text, {{R"({"so so",NULL})"}}},
      {"positive", "public.positive", as_text, {{"7"}}},
      {"pair", "public.pair", as_text, {{R"((1,"x, ""y"" \\",2024-01-01))"}, {R"((,"",))"}}},
      {"range", "int4range", as_text, {{"[1,5]"}, {"empty"}, {"(,)"}}},
      {"tzrange", "tstzrange", as_text, {{R"(["2024-01-01 00:00:00+00",))"}}},
      {"multi", "int4multirange", as_text, {{"{[1,3),[5,8)}"}, {"{}"}}},
      {"host",
       "inet",
       as_text,
       {{"192.168.0.1", "192.168.0.1"}, {"192.168.0.1/24"}, {"::1", "::1"}}},
      {"net", "cidr", as_text, {{"10.0.0.0/8"}, {"192.168.1.5/32"}}},
      {"mac", "macaddr", as_text, {{"08:00:2b:01:02:03"}}},
      {"mac8", "macaddr8", as_text, {{"08:00:2b:01:02:03:04:05"}}},
      {"bits", "bit(5)", as_text, {{"10101"}}},
      {"varbits", "varbit", as_text, {{"101"}, {""}}},
      {"pairs", "hstore", as_text, {{R"("a"=>"1", "n"=>NULL)"}, {""}}},
      {"tree", "ltree", as_text, {{"Top.A"}}},
      {"vector", "tsvector", as_text, {{"'brown':3 'fox':4,5"}}},
      {"query", "tsquery", as_text, {{"'fat' & ( 'rat' | !'cat':* )"}}},
      {"markup", "xml", as_text, {{"<a b=\"c\"><![CDATA[&]]></a>"}}},
      {"path", "jsonpath", as_text, {{"$.a[*] ? (@ > 1)"}}},
      {"point", "point", as_text, {{"(1.5,-2)"}}},
      {"line", "line", as_text, {{"{1,2,3}"}}},
      {"segment", "lseg", as_text, {{"[(0,0),(1,1)]"}}},
      {"box", "box", as_text, {{"(2,2),(0,0)"}}},
      {"way", "path", as_text, {{"[(0,0),(1,1)]"}, {"((0,0),(1,1))"}}},
      {"polygon", "polygon", as_text, {{"((0,0),(1,1),(2,0))"}}},
      {"circle", "circle", as_text, {{"<(1,2),3>"}}},
      {"class", "regclass", as_text, {{"pg_class"}, {"4294967"}}},
      {"of_type", "regtype", as_text, {{"integer"}}},
      {"procedure", "regproc", as_text, {{"pg_catalog.now"}}},
      {"lsn", "pg_lsn", as_text, {{"16/B374D848"}}},
      {"tuple", "tid", as_text, {{"(4294967295,1)"}}},
      {"seen", "pg_snapshot", as_text, {{"10:20:10,14"}}},
  };
}

std::string literal(const std::string& text) {
  std::string out = "'";
  for (const char c : text) out += c == '\'' ? std::string("''") : std::string(1, c);
  return out + "'";
}

class StarrocksValues : public starrocks_pipeline,
                        public ::testing::WithParamInterface<const char*> {
 protected:
  StarrocksValues() {
    text.sinks = {{"dwh", sink_lines() + "format = \"" + GetParam()
                              + "\"\non_value = { nan = \"null\", infinity = \"null\", "
                                "out_of_range = \"null\" }\n"}};
    // These texts need JSON: docs/configuration.md, `format`.
    for (auto& t : types_)
      if (t.name == "words" && std::string(GetParam()) == "csv")
        std::erase_if(t.values,
                      [](const nasty& v) { return v.value.find('\x01') != std::string::npos; });
    for (const auto& t : types_) rows_ = std::max(rows_, t.values.size());
  }

  void make_table() const {
    std::string columns = "id int PRIMARY KEY";
    for (const auto& t : types_) columns += ", " + t.name + " " + t.type;
    source("CREATE EXTENSION citext; CREATE EXTENSION hstore; CREATE EXTENSION ltree;"
           "CREATE TYPE public.mood AS ENUM ('so so', '\"great\"');"
           "CREATE DOMAIN public.positive AS int CHECK (VALUE > 0);"
           "CREATE TYPE public.pair AS (a int, b text, c date);"
           "CREATE TABLE v ("
           + columns + ")");
  }

  /// Row i holds the i-th value of each type, and NULL where a type has no more; ids from `first`
  /// on.
  void insert(std::size_t first) const {
    for (std::size_t i = 0; i < rows_; ++i) {
      std::string cells = std::to_string(first + i);
      for (const auto& t : types_)
        cells += i < t.values.size() ? ", " + literal(t.values[i].value) + "::" + t.type : ", NULL";
      source("INSERT INTO v VALUES (" + cells + ")");
    }
  }

  /// What StarRocks has in a column, by id from `first` on.
  std::vector<std::string> target(const tried_type& t, std::size_t first) {
    const auto shown = t.print == as_hex ? "hex(`" + t.name + "`)" : "`" + t.name + "`";
    std::vector<std::string> out;
    for (const auto& r :
         ask("SELECT " + shown + " AS v FROM `" + database_ + "`.`v` WHERE id >= "
             + std::to_string(first) + " ORDER BY id LIMIT " + std::to_string(rows_))
             .rows)
      out.push_back(r[0] && t.type == "real" ? shortest(*r[0]) : r[0].value_or(null));
    return out;
  }
  /// A FLOAT as PostgreSQL prints it: servers of StarRocks print more digits or fewer.
  static std::string shortest(const std::string& number) {
    std::array<char, 32> text{};
    const auto end = std::to_chars(text.data(), text.data() + text.size(), std::stof(number)).ptr;
    return {text.data(), end};
  }

  std::vector<std::string> expected(const tried_type& t) const {
    const auto rows =
        source_rows("SET TimeZone = 'UTC'; SET IntervalStyle = 'postgres'; SET search_path = ''; "
                    "SET lc_monetary = 'C'; SELECT "
                    + std::string(t.print) + " FROM (SELECT id, " + t.name
                    + " AS v FROM public.v) x ORDER BY id LIMIT " + std::to_string(rows_));
    std::vector<std::string> out;
    for (std::size_t i = 0; i < rows.size(); ++i) {
      const bool given = i < t.values.size() && t.values[i].expected;
      out.push_back(given ? *t.values[i].expected : rows[i][0].value_or(null));
    }
    return out;
  }

  std::vector<tried_type> types_ = tried_types();
  std::size_t rows_ = 0;
};

TEST_P(StarrocksValues, OfEveryTypeComeAlikeBySnapshotAndStream) {
  make_table();
  insert(1);
  ASSERT_EQ(catch_up().status.code, 0);
  insert(101);
  ASSERT_EQ(catch_up().status.code, 0);
  for (const auto& t : types_) {
    const auto wanted = expected(t);
    EXPECT_EQ(target(t, 1), wanted) << t.type << ", by the snapshot";
    EXPECT_EQ(target(t, 101), wanted) << t.type << ", by the stream";
  }
}

INSTANTIATE_TEST_SUITE_P(Format, StarrocksValues, testing::Values("json", "csv"),
                         [](const auto& one) { return std::string(one.param); });

} // namespace
} // namespace leat::test
