#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <sstream>

#include "plugins/starrocks/table.hpp"
#include "plugins/starrocks/types.hpp"
#include "tests/support/batch_builder.hpp"

namespace leat::starrocks {
namespace {

using testing::HasSubstr;

column of(value_class kind, std::string type_name, std::int32_t modifier = -1) {
  column c;
  c.name = "c";
  c.kind = kind;
  c.type_name = std::move(type_name);
  c.modifier = modifier;
  return c;
}

std::string sql_of(const column& c, bool key = false, server_traits server = {4, 0}) {
  return type_of(c, key, server).sql;
}

// LEAT_WRITE_DOCS=1 makes the page anew.
TEST(StarrocksTypes, ThePageIsWhatTheTableSays) {
  const auto path = std::string(LEAT_SOURCE_DIRECTORY) + "/docs/starrocks-types.md";
  if (std::getenv("LEAT_WRITE_DOCS")) std::ofstream(path) << types_reference();
  std::ifstream in(path);
  std::ostringstream page;
  page << in.rdbuf();
  EXPECT_EQ(page.str(), types_reference()) << "run this test with LEAT_WRITE_DOCS=1";
}

TEST(StarrocksTypes, NumericKeepsItsPrecisionOrIsText) {
  EXPECT_EQ(sql_of(of(value_class::numeric, "numeric(12,2)")), "DECIMAL(12,2)");
  EXPECT_EQ(sql_of(of(value_class::numeric, "numeric")), "VARCHAR(1048576)");
  EXPECT_EQ(sql_of(of(value_class::numeric, "numeric(2,-3)")), "VARCHAR(1048576)");
  EXPECT_EQ(sql_of(of(value_class::numeric, "numeric(3,5)")), "VARCHAR(1048576)");
  EXPECT_EQ(sql_of(of(value_class::numeric, "numeric(50,2)")), "DECIMAL(50,2)");
  EXPECT_EQ(sql_of(of(value_class::numeric, "numeric(50,2)"), false, {3, 3}), "VARCHAR(1048576)");
}

TEST(StarrocksTypes, LengthsAreBytesNotCharacters) {
  EXPECT_EQ(sql_of(of(value_class::text, "character varying(20)", 24)), "VARCHAR(80)");
  EXPECT_EQ(sql_of(of(value_class::text, "character varying(500000)")), "VARCHAR(1048576)");
  EXPECT_EQ(sql_of(of(value_class::text, "text")), "VARCHAR(1048576)");
}

TEST(StarrocksTypes, AKeyHasNoTypeThatStarRocksForbidsThere) {
  for (const auto kind :
       {value_class::float4, value_class::float8, value_class::numeric, value_class::bytea,
        value_class::json, value_class::jsonb, value_class::array})
    EXPECT_THAT(sql_of(of(kind, "numeric(12,2)"), true), HasSubstr("VARCHAR("));
}

TEST(StarrocksTypes, ATextInAKeySaysThatServersTakeShortOnesAlone) {
  const server_traits server{4, 0, 0};
  EXPECT_THAT(type_of(of(value_class::text, "text"), true, server).loss,
              HasSubstr("more than 128 bytes are refused"));
  EXPECT_THAT(type_of(of(value_class::text, "text"), false, server).loss,
              HasSubstr("longer than 1 MiB"));
  EXPECT_EQ(type_of(of(value_class::text, "character varying(20)"), true, server).loss, "");
}

TEST(StarrocksTypes, BytesAreHexWhereTheServerHasNoTypeForThem) {
  EXPECT_EQ(sql_of(of(value_class::bytea, "bytea")), "VARBINARY(1048576)");
  EXPECT_EQ(sql_of(of(value_class::bytea, "bytea"), false, {2, 5}), "VARCHAR(1048576)");
}

TEST(StarrocksTypes, ArraysOfScalarsAreArrays) {
  EXPECT_EQ(sql_of(of(value_class::array, "integer[]")), "ARRAY<INT>");
  EXPECT_EQ(sql_of(of(value_class::array, "character varying(9)[]")), "ARRAY<VARCHAR(1048576)>");
  EXPECT_EQ(sql_of(of(value_class::array, "timestamp(3) with time zone[]")), "ARRAY<DATETIME>");
  EXPECT_EQ(sql_of(of(value_class::array, "jsonb[]")), "VARCHAR(1048576)");
}

TEST(StarrocksTypes, AColumnThatIsThereMayBeWider) {
  EXPECT_TRUE(holds("bigint(20)", "INT"));
  EXPECT_TRUE(holds("LARGEINT", "BIGINT"));
  EXPECT_FALSE(holds("int(11)", "BIGINT"));
  EXPECT_TRUE(holds("varchar(65533)", "VARCHAR(80)"));
  EXPECT_FALSE(holds("varchar(79)", "VARCHAR(80)"));
  EXPECT_FALSE(holds("STRING", "VARCHAR(1048576)"));
  EXPECT_TRUE(holds("decimal(20, 4)", "DECIMAL(12,2)"));
  EXPECT_FALSE(holds("decimal(13, 4)", "DECIMAL(12,2)"));
  EXPECT_TRUE(holds("tinyint(1)", "BOOLEAN"));
  EXPECT_TRUE(holds("boolean", "BOOLEAN"));
  EXPECT_FALSE(holds("tinyint", "BOOLEAN"));
  EXPECT_FALSE(holds("tinyint(4)", "BOOLEAN"));
  EXPECT_FALSE(holds("datetime", "DATE"));
  EXPECT_TRUE(holds("double", "FLOAT"));
  EXPECT_FALSE(holds("float", "DOUBLE"));
  EXPECT_TRUE(holds("array<bigint(20)>", "ARRAY<INT>"));
  EXPECT_FALSE(holds("array<int(11)>", "ARRAY<BIGINT>"));
  EXPECT_FALSE(holds("array<int(11)>", "ARRAY<VARCHAR(36)>"));
  EXPECT_FALSE(holds("array<varchar(35)>", "ARRAY<VARCHAR(36)>"));
  EXPECT_FALSE(holds("int(11)", "ARRAY<INT>"));
  EXPECT_TRUE(holds("varbinary", "VARBINARY(1048576)"));
  EXPECT_FALSE(holds("varbinary(10)", "VARBINARY(1048576)"));
}

TEST(StarrocksTable, IsMadeAsTheGrammarWantsIt) {
  auto r = test::route_of(test::table("public.t")
                              .column("v", value_class::text)
                              .column("id", value_class::int8)
                              .column("we`ird \"Таблица\"", value_class::date)
                              .key({"id"})
                              .build());
  starrocks_table_options options;
  options.buckets = 4;
  options.properties = {{"replication_num", "1"}};
  options.order_by = {"V"};
  EXPECT_EQ(create_table_sql("shop", "t", wanted_columns(r, {}), options),
            "CREATE TABLE IF NOT EXISTS `shop`.`t` (\n"
            "  `id` BIGINT NOT NULL,\n"
            "  `v` VARCHAR(1048576) NULL,\n"
            "  `we``ird \"Таблица\"` DATE NULL\n"
            ")\n"
            "PRIMARY KEY (`id`)\n"
            "DISTRIBUTED BY HASH (`id`) BUCKETS 4\n"
            "ORDER BY (`V`)\n"
            "PROPERTIES (\"replication_num\" = \"1\")");
}

TEST(StarrocksTable, AllDifferencesAreNamedAtOnce) {
  const auto r = test::route_of(test::table("public.t")
                                    .column("id", value_class::int8)
                                    .column("v", value_class::text)
                                    .column("d", value_class::date)
                                    .key({"id"})
                                    .build());
  const real_table real{true,
                        {{"id", "bigint(20)", false, true},
                         {"d", "int(11)", true, false, "7"},
                         {"other", "int(11)", false, false, "a \"b\\"}}};
  const auto problem = misfit("shop", "t", wanted_columns(r, {}), real);
  ASSERT_TRUE(problem);
  EXPECT_THAT(problem->what(),
              HasSubstr("no column `v`; column `d` of the target table is int(11)"));
  EXPECT_THAT(problem->what(), HasSubstr("; the target table has a column `other`"));
  EXPECT_THAT(problem->remedy(),
              HasSubstr("ADD COLUMN `v` VARCHAR(1048576) NULL; ALTER TABLE `shop`.`t` MODIFY "
                        "COLUMN `d` DATE NULL DEFAULT \"7\"; "));
  EXPECT_THAT(problem->remedy(),
              HasSubstr("`other` int(11) NULL DEFAULT \"a \\\"b\\\\\", or drop it"));
}

TEST(StarrocksTable, ADefaultIsWrittenAsItWasGiven) {
  const auto clause = [](const char* type, const char* shown) {
    return default_clause({"c", type, true, false, shown});
  };
  EXPECT_EQ(default_clause({"c", "int(11)"}), "");
  EXPECT_EQ(clause("varchar(9)", ""), " DEFAULT \"\"");
  EXPECT_EQ(clause("datetime", "CURRENT_TIMESTAMP"), " DEFAULT CURRENT_TIMESTAMP");
  EXPECT_EQ(clause("datetime", "now(6)"), " DEFAULT now(6)");
  EXPECT_EQ(clause("datetime", "2024-01-01 00:00:00"), " DEFAULT \"2024-01-01 00:00:00\"");
  EXPECT_EQ(clause("varchar(99)", "CURRENT_TIMESTAMP"), " DEFAULT \"CURRENT_TIMESTAMP\"");
  EXPECT_EQ(clause("varchar(36)", "uuid()"), " DEFAULT (uuid())");
}

TEST(StarrocksTable, AMissingOrNarrowColumnIsNamedWithItsCure) {
  const auto r = test::route_of(test::table("public.t")
                                    .column("id", value_class::int8)
                                    .column("v", value_class::text)
                                    .key({"id"})
                                    .build());
  const auto wanted = wanted_columns(r, {});
  real_table real{true, {{"id", "bigint(20)", false, true}}};
  auto problem = misfit("shop", "t", wanted, real);
  ASSERT_TRUE(problem);
  EXPECT_EQ(problem->remedy(), "ALTER TABLE `shop`.`t` ADD COLUMN `v` VARCHAR(1048576) NULL");
  real.columns.push_back({"V", "varchar(10)", true, false});
  problem = misfit("shop", "t", wanted, real);
  ASSERT_TRUE(problem);
  EXPECT_EQ(problem->remedy(), "ALTER TABLE `shop`.`t` MODIFY COLUMN `v` VARCHAR(1048576) NULL");
  real.columns[1].type = "varchar(1048576)";
  EXPECT_FALSE(misfit("shop", "t", wanted, real));
  // No ALTER changes a column of a key.
  real.columns[0].type = "int(11)";
  problem = misfit("shop", "t", wanted, real);
  ASSERT_TRUE(problem);
  EXPECT_THAT(problem->remedy(), HasSubstr("drop the table"));
  real.columns[0].type = "bigint(20)";
  real.primary = false;
  EXPECT_TRUE(misfit("shop", "t", wanted, real));
}

} // namespace
} // namespace leat::starrocks
