#include "plugins/sqlite/sink.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "dataflow/error.hpp"
#include "tests/support/batch_builder.hpp"
#include "tests/support/sqlite_fixture.hpp"

namespace leat::sqlite {
namespace {

using test::unchanged;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

using SqliteTables = test::sqlite_fixture;

TEST_F(SqliteTables, MakesATableWithTheTypesOfTheInterface) {
  auto r = test::route_of(test::table("t")
                              .column("i", value_class::int8)
                              .column("b", value_class::boolean)
                              .column("f", value_class::float8)
                              .column("raw", value_class::bytea)
                              .column("n", value_class::numeric)
                              .key({"i"})
                              .build());
  EXPECT_EQ(target().ddl(r), "CREATE TABLE \"t\" (\n"
                             "  \"i\" INTEGER PRIMARY KEY NOT NULL,\n"
                             "  \"b\" INTEGER,\n"
                             "  \"f\" REAL,\n"
                             "  \"raw\" BLOB,\n"
                             "  \"n\" TEXT\n"
                             ");");
}

TEST_F(SqliteTables, AKeyOfSeveralColumnsIsThePrimaryKeyInKeyOrder) {
  auto r = test::route_of(test::table("t")
                              .column("a", value_class::int4)
                              .column("b", value_class::text)
                              .key({"b", "a"})
                              .build());
  EXPECT_THAT(target().ddl(r), HasSubstr("PRIMARY KEY (\"b\", \"a\")"));
  EXPECT_THAT(target().ddl(r), HasSubstr("\"b\" TEXT NOT NULL"));
}

TEST_F(SqliteTables, KeepsEveryValueExactly) {
  attach(test::route_of(test::table("t")
                            .column("i", value_class::int8)
                            .column("b", value_class::boolean)
                            .column("f", value_class::float8)
                            .column("raw", value_class::bytea)
                            .column("n", value_class::numeric)
                            .column("s", value_class::text)
                            .key({"i"})
                            .build()));
  write(changes()
            .insert({"9223372036854775807", "t", "0.1", "\\x00ff", "1.10", ""})
            .insert({"-9223372036854775808", "f", "-Infinity", "\\x", "NaN", "it's \"Таблица\""})
            .insert({"0", nullptr, "NaN", nullptr, nullptr, nullptr}));
  commit(1);
  EXPECT_THAT(
      query("SELECT i, b, typeof(f), hex(raw), typeof(raw), n, s FROM t ORDER BY i"),
      ElementsAre(
          ElementsAre("-9223372036854775808", "0", "real", "", "blob", "NaN", "it's \"Таблица\""),
          ElementsAre("0", std::nullopt, "text", "", "null", std::nullopt, std::nullopt),
          ElementsAre("9223372036854775807", "1", "real", "00FF", "blob", "1.10", "")));
  EXPECT_EQ(query("SELECT f FROM t WHERE f = 0.1").size(), 1U);
  EXPECT_EQ(query("SELECT f FROM t WHERE f < -1e308").size(), 1U);
  EXPECT_EQ(query("SELECT f FROM t WHERE f = 'NaN'").size(), 1U);
}

TEST_F(SqliteTables, RefusesATextThatIsNotOfItsType) {
  for (const auto& [kind, text] :
       std::vector<std::pair<value_class, std::string>>{{value_class::int4, "12x"},
                                                        {value_class::int8, "9223372036854775808"},
                                                        {value_class::int4, ""},
                                                        {value_class::boolean, "true"},
                                                        {value_class::float8, "nan"},
                                                        {value_class::bytea, "\\x0"},
                                                        {value_class::bytea, "ab"}}) {
    fresh_file();
    attach(test::route_of(
        test::table("t").column("id", value_class::int4).column("v", kind).key({"id"}).build()));
    write(changes().insert({7, text}));
    EXPECT_THAT(error_of([&] { commit(1); }),
                AllOf(HasSubstr("\"" + text + "\""), HasSubstr("\"v\""), HasSubstr("(id = 7)")));
  }
}

TEST_F(SqliteTables, TakesHostileNames) {
  const std::string table = "We\"ird Таблица";
  auto schema = test::table("public.x")
                    .column("a\"b", value_class::int4)
                    .column("select", value_class::text)
                    .column("c'; DROP TABLE x; --", value_class::text)
                    .key({"a\"b"})
                    .build();
  auto r = test::route_of(schema);
  r.target = table;
  attach(r);
  write(changes().insert({1, "x", "y"}).update({1, "z", unchanged}));
  commit(1);
  EXPECT_THAT(query("SELECT * FROM \"We\"\"ird Таблица\""),
              ElementsAre(ElementsAre("1", "z", "y")));
}

TEST_F(SqliteTables, RefusesColumnsThatDifferOnlyInCase) {
  EXPECT_THAT(error_of([&] {
                attach(test::route_of(test::table("t")
                                          .column("id", value_class::int4)
                                          .column("ID", value_class::int4)
                                          .key({"id"})
                                          .build()));
              }),
              HasSubstr("two columns named \"ID\""));
}

TEST_F(SqliteTables, RefusesReservedTableNames) {
  EXPECT_THAT(error_of([&] { attach_items({.target = "leat_progress"}); }), HasSubstr("reserved"));
}

TEST_F(SqliteTables, RefusesATableThatDiffersAndNamesTheColumn) {
  execute("CREATE TABLE items (id INTEGER PRIMARY KEY, name INTEGER, body TEXT)");
  EXPECT_THAT(error_of([&] { attach_items(); }),
              HasSubstr("column \"name\" is INTEGER, wanted is TEXT"));
}

TEST_F(SqliteTables, RefusesATableWithoutAColumn) {
  execute("CREATE TABLE items (id INTEGER PRIMARY KEY, name TEXT)");
  EXPECT_THAT(error_of([&] { attach_items(); }), HasSubstr("has no column \"body\" TEXT"));
}

TEST_F(SqliteTables, RefusesATableWhoseKeyIsNotUnique) {
  execute("CREATE TABLE items (id INTEGER, name TEXT, body TEXT)");
  EXPECT_THAT(error_of([&] { attach_items(); }), HasSubstr("PRIMARY KEY or UNIQUE"));
}

TEST_F(SqliteTables, RefusesAKeyThatIgnoresCase) {
  execute("CREATE TABLE t (k TEXT PRIMARY KEY COLLATE NOCASE)");
  EXPECT_THAT(
      error_of([&] {
        attach(test::route_of(test::table("t").column("k", value_class::text).key({"k"}).build()));
      }),
      HasSubstr("PRIMARY KEY or UNIQUE"));
}

TEST_F(SqliteTables, RefusesAView) {
  execute("CREATE TABLE x (id INTEGER PRIMARY KEY, name TEXT, body TEXT); "
          "CREATE VIEW items AS SELECT * FROM x");
  EXPECT_THAT(error_of([&] { attach_items(); }), HasSubstr("view"));
}

TEST_F(SqliteTables, TakesAnEmptyTableThatFits) {
  execute("CREATE TABLE items (id INTEGER PRIMARY KEY, name VARCHAR(20), body TEXT NOT NULL, more "
          "TEXT)");
  attach_items();
  write_first_row();
  EXPECT_THAT(query("SELECT id, name, body FROM items"), ElementsAre(ElementsAre("1", "a", "x")));
}

TEST_F(SqliteTables, RefusesATableThatHoldsOtherData) {
  execute("CREATE TABLE items (id INTEGER PRIMARY KEY, name TEXT, body TEXT); "
          "INSERT INTO items VALUES (1, 'theirs', 'x')");
  EXPECT_THAT(error_of([&] { attach_items(); }),
              HasSubstr("holds rows that this pipeline has not written"));
}

TEST_F(SqliteTables, RefusesATableOfAnotherPipeline) {
  attach_items(); // and no row yet
  commit(1);
  reopen("another");
  EXPECT_THAT(error_of([&] { attach_items(); }), HasSubstr("table is pipeline `shop`'s"));
}

} // namespace
} // namespace leat::sqlite
