#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <functional>

#include <gtest/gtest.h>

#include "dataflow/plan.hpp"
#include "plugins/transforms/built_in.hpp"

namespace leat {
namespace {

std::vector<std::filesystem::path> config_files() {
  const auto root = std::filesystem::path(__FILE__).parent_path().parent_path().parent_path();
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(root / "configs"))
    if (entry.path().extension() == ".toml") files.push_back(entry.path());
  std::sort(files.begin(), files.end());
  return files;
}

struct shop_column {
  const char* name;
  value_class kind;
  const char* type;
};

source_table shop_table(const char* name) {
  table_schema table;
  table.schema = "public";
  table.name = name;
  for (const auto& each : {shop_column{"id", value_class::int8, "bigint"},
                           {"email", value_class::text, "text"},
                           {"password_hash", value_class::bytea, "bytea"},
                           {"customer_id", value_class::int8, "bigint"},
                           {"state", value_class::text, "text"},
                           {"total", value_class::numeric, "numeric(12,2)"},
                           {"placed_at", value_class::timestamptz, "timestamp with time zone"}}) {
    auto& c = table.columns.emplace_back();
    c.name = each.name;
    c.kind = each.kind;
    c.type_name = each.type;
  }
  table.columns[0].identity = true;
  table.key = {0};
  return {std::make_shared<const table_schema>(table)};
}

/// A table of another schema: its columns, the first its key.
source_table table_of(const char* schema, const char* name, std::vector<shop_column> columns,
                      bool full) {
  table_schema table;
  table.schema = schema;
  table.name = name;
  table.id = static_cast<oid>(std::hash<std::string>{}(std::string(schema) + "." + name));
  for (const auto& each : columns) {
    auto& c = table.columns.emplace_back();
    c.name = each.name;
    c.kind = each.kind;
    c.type_name = each.type;
    c.identity = full;
  }
  table.columns[0].identity = true;
  if (full) table.identity = replica_identity::full;
  if (!full) table.key = {0};
  return {std::make_shared<const table_schema>(table)};
}

class Config : public testing::TestWithParam<std::filesystem::path> {};

TEST_P(Config, LoadsAndPlansOverTheShop) {
  ::setenv("SHOP_PASSWORD", "a", 1);
  ::setenv("WAREHOUSE_PASSWORD", "b", 1);
  ::setenv("PSEUDONYM_SALT", "long enough", 1);
  const pipeline_file file = load_pipeline_file(GetParam());
  const plan made = make_plan(
      file,
      {shop_table("customers"), shop_table("orders"), shop_table("items"), shop_table("events"),
       table_of("dbo", "constants",
                {{"constantid", value_class::int4, "integer"},
                 {"name", value_class::text, "text"},
                 {"value", value_class::text, "text"}},
                true),
       table_of("dbo", "enumdescriptor",
                {{"enumid", value_class::int4, "integer"},
                 {"enumname", value_class::text, "text"},
                 {"value", value_class::int4, "integer"}},
                true),
       table_of("shard_1", "orders", {{"id", value_class::int8, "bigint"}}, false),
       table_of("shard_2", "orders", {{"id", value_class::int8, "bigint"}}, false)},
      transforms::make_built_in);
  EXPECT_FALSE(made.routes.empty());
}

INSTANTIATE_TEST_SUITE_P(Shipped, Config, testing::ValuesIn(config_files()), [](const auto& one) {
  std::string name = one.param.stem().string();
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
});

} // namespace
} // namespace leat
