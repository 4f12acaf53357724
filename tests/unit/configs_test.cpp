#include <algorithm>
#include <cstdlib>
#include <filesystem>

#include <gtest/gtest.h>

#include "dataflow/plan.hpp"

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

source_table shop_table(const char* name) {
  table_schema table;
  table.schema = "public";
  table.name = name;
  for (const char* each : {"id", "email"}) table.columns.emplace_back().name = each;
  table.columns[0].identity = true;
  table.key = {0};
  return {std::make_shared<const table_schema>(table)};
}

class Config : public testing::TestWithParam<std::filesystem::path> {};

TEST_P(Config, LoadsAndPlansOverTheShop) {
  ::setenv("SHOP_PASSWORD", "a", 1);
  ::setenv("WAREHOUSE_PASSWORD", "b", 1);
  const pipeline_file file = load_pipeline_file(GetParam());
  const plan made = make_plan(file, {shop_table("customers"), shop_table("orders"),
                                     shop_table("items"), shop_table("events")});
  EXPECT_FALSE(made.routes.empty());
}

INSTANTIATE_TEST_SUITE_P(Shipped, Config, testing::ValuesIn(config_files()), [](const auto& one) {
  std::string name = one.param.stem().string();
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
});

} // namespace
} // namespace leat
