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

} // namespace
} // namespace leat::test
