#include <nlohmann/json.hpp>

#include "dataflow/table_columns.hpp"
#include "tests/integration/starrocks_fixture.hpp"

namespace leat::test {
namespace {

using nlohmann::json;

/// How the cluster runs an ALTER.
struct altering {
  const char* name;
  json quirk;
};

/// R7: columns that come, go, widen and change their names, amidst rows that are under way.
class StarrocksSchema : public starrocks_fixture,
                        public ::testing::WithParamInterface<std::tuple<atomicity, altering>> {
 protected:
  StarrocksSchema() { mode_ = std::get<0>(GetParam()); }
  void SetUp() override {
    if (!cluster().is_double()) GTEST_SKIP() << "only the double plays other servers";
    cluster().control("/quirk", std::get<1>(GetParam()).quirk);
  }
  void change(const table_schema& after) {
    change_schema(route_of(std::make_shared<const table_schema>(after)));
  }
};

TEST_P(StarrocksSchema, FollowsWhileRowsAreUnderWay) {
  begin();
  write(changes().insert({1, "a", "x"}));
  auto schema = *items();
  add_column(schema, {"n", value_class::int4, "integer"});
  change(schema);
  write(changes().insert({2, "b", "y", 7}));
  schema.columns[3].kind = value_class::int8;
  schema.columns[3].type_name = "bigint";
  schema.columns[1].name = "title";
  change(schema);
  write(changes().insert({3, "c", "z", "5000000000"}));
  schema.columns.erase(schema.columns.begin() + 2);
  change(schema);
  write(changes().insert({4, "d", 9}));
  commit(1);
  EXPECT_EQ(rows_of("SELECT id, title, n FROM " + table("items") + " ORDER BY id"),
            "1|a|NULL 2|b|7 3|c|5000000000 4|d|9");
}

TEST_P(StarrocksSchema, NamesThatTwoColumnsExchangeKeepTheirValuesThroughCrashes) {
  begin();
  write(changes().insert({1, "a", "x"}));
  commit(1);
  const auto known = attached();
  const auto original = *items();
  auto exchanged = original;
  std::swap(exchanged.columns[1].name, exchanged.columns[2].name);
  for (const char* phase : {"before", "after"}) {
    const auto& to = std::string_view(phase) == "before" ? exchanged : original;
    for (int nth = 1; nth <= 2; ++nth) { // to the names in between, and from there
      cluster().control("/fault", {{"node", "*"},
                                   {"op", "sql:RENAME COLUMN"},
                                   {"phase", phase},
                                   {"action", "error:1064:enough"},
                                   {"nth", nth}});
      SCOPED_TRACE(std::string(phase) + std::to_string(nth));
      error_of([&] { change(to); });
      cluster().remove("/fault");
      const auto stands = reopen();
      attach(*as_recorded(known, stands->columns.at(known->progress_name())));
    }
  }
  change(original);
  write(changes().insert({2, "b", "y"}));
  commit(2);
  const auto names = original.columns[1].name + ", " + original.columns[2].name;
  EXPECT_EQ(rows_of("SELECT id, " + names + " FROM " + table("items") + " ORDER BY id"),
            "1|a|x 2|b|y");
}

class StarrocksOldSchema : public starrocks_fixture {
 protected:
  StarrocksOldSchema() { mode_ = atomicity::table; }
};

TEST_F(StarrocksOldSchema, ARenamedColumnEndsThePipelineWhereTheServerRenamesNone) {
  if (!cluster().is_double()) GTEST_SKIP() << "only the double plays other versions";
  cluster().control("/quirk", {{"version", "3.3.1"}});
  begin();
  auto schema = *items();
  schema.columns[1].name = "title";
  const auto after = route_of(std::make_shared<const table_schema>(schema));
  const auto e = error_of([&] { change_schema(after); });
  EXPECT_FALSE(e.transient());
  EXPECT_NE(e.remedy().find("leat resnapshot"), std::string::npos) << e.what();
}

INSTANTIATE_TEST_SUITE_P(
    Mode, StarrocksSchema,
    testing::Combine(testing::Values(atomicity::epoch, atomicity::table),
                     testing::Values(altering{"slow_jobs", {{"alter_job_seconds", 1}}},
                                     altering{"fast_evolution",
                                              {{"shared_data", true},
                                               {"fast_schema_evolution", true}}})),
    [](const auto& chosen) {
      return std::string(std::get<0>(chosen.param) == atomicity::epoch ? "epoch" : "table") + "_"
             + std::get<1>(chosen.param).name;
    });

} // namespace
} // namespace leat::test
