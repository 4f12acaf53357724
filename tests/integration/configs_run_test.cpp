#include "tests/support/pipeline_fixture.hpp"

// Pipeline files of configs/, as they stand but for their addresses.

namespace leat::test {
namespace {

using ShippedFile = pipeline_fixture;

TEST_F(ShippedFile, FanOutCastsValuesAndLeavesRowsWithoutAnIdOut) {
  source(
      "CREATE SCHEMA dbo;"
      "CREATE TABLE dbo.constants (constantid int, name text, value text);"
      "ALTER TABLE dbo.constants REPLICA IDENTITY FULL;"
      "CREATE TABLE dbo.enumdescriptor (enumid int, enumname text, value int);"
      "ALTER TABLE dbo.enumdescriptor REPLICA IDENTITY FULL;"
      "INSERT INTO dbo.constants VALUES (1, 'max', '9223372036854775807'), (NULL, 'draft', 'x'), "
      "(3, 'gone', '3');"
      "INSERT INTO dbo.enumdescriptor VALUES (1, 'red', 10), (NULL, 'none', 20)");
  run_shipped("fan_out.toml");
  EXPECT_EQ(lite("SELECT * FROM bigint_constants"),
            (text_rows{{"1", "max", "9223372036854775807"}, {"3", "gone", "3"}}));
  source("UPDATE dbo.constants SET constantid = 2, value = '7' WHERE name = 'draft';"
         "UPDATE dbo.constants SET constantid = NULL WHERE name = 'gone';"
         "UPDATE dbo.constants SET value = 'no number' WHERE name = 'gone';"
         "DELETE FROM dbo.enumdescriptor WHERE enumid IS NULL;"
         "INSERT INTO dbo.enumdescriptor VALUES (NULL, 'later', 30);"
         "UPDATE dbo.enumdescriptor SET enumid = 5 WHERE enumname = 'later'");
  run_shipped("fan_out.toml");
  EXPECT_EQ(lite("SELECT * FROM bigint_constants"),
            (text_rows{{"1", "max", "9223372036854775807"}, {"2", "draft", "7"}}));
  EXPECT_EQ(lite("SELECT * FROM enums"), (text_rows{{"1", "red", "10"}, {"5", "later", "30"}}));
}

TEST_F(ShippedFile, ShardsHoldsTheOrdersOfAll) {
  for (const auto* shard : {"shard_1", "shard_2"})
    source(std::string("CREATE SCHEMA ") + shard + "; CREATE TABLE " + shard
           + ".orders (id int PRIMARY KEY, total int); INSERT INTO " + shard
           + ".orders VALUES (1, 10), (2, 20)");
  run_shipped("shards.toml");
  source("UPDATE shard_2.orders SET total = 21 WHERE id = 2; TRUNCATE shard_1.orders;"
         "INSERT INTO shard_1.orders VALUES (7, 70)");
  run_shipped("shards.toml");
  EXPECT_EQ(lite("SELECT shard, id, total FROM orders"),
            (text_rows{{"1", "7", "70"}, {"2", "1", "10"}, {"2", "2", "21"}}));
}

TEST_F(ShippedFile, ShopGoesIntoSqliteTableByTable) {
  source("CREATE TABLE orders (id int PRIMARY KEY, total int); INSERT INTO orders VALUES (1, 10);"
         "CREATE TABLE items (id int, line int, PRIMARY KEY (id, line))");
  run_shipped("shop-to-sqlite.toml");
  source("INSERT INTO items VALUES (1, 2); UPDATE orders SET total = 11");
  run_shipped("shop-to-sqlite.toml");
  expect_same_at_lite("orders", "orders");
  expect_same_at_lite("items", "items");
}

TEST_F(ShippedFile, ShopGoesIntoAnotherPostgresqlWithoutItsAudits) {
  source("CREATE TABLE orders (id int PRIMARY KEY, total int); INSERT INTO orders VALUES (1, 10);"
         "CREATE TABLE audit_log (id int PRIMARY KEY)");
  const auto root = std::filesystem::path(__FILE__).parent_path().parent_path().parent_path();
  const auto file = root / "configs" / "shop-to-postgres.toml";
  std::vector<std::string> settings{"--until", "caught-up",
                                    "--set",   "source.url=" + server().url(source_database),
                                    "--set",   "pipeline.state=" + state_path().string()};
  for (const auto& [key, value] : server().parameters(target_database)) {
    settings.push_back("--set");
    settings.push_back("sink.warehouse." + key + "=" + value);
  }
  for (const auto* total : {"11", "12"}) {
    source(std::string("UPDATE orders SET total = ") + total);
    const auto ended =
        leat_on(file, "run", settings, {{"SHOP_PASSWORD", "a"}, {"WAREHOUSE_PASSWORD", "b"}});
    ASSERT_EQ(ended.status.code, 0) << ended.err;
    EXPECT_EQ(pg("SELECT id, total FROM shop.orders"), (text_rows{{"1", total}}));
  }
  EXPECT_EQ(pg("SELECT to_regclass('shop.audit_log')"), (text_rows{{std::nullopt}}));
}

} // namespace
} // namespace leat::test
