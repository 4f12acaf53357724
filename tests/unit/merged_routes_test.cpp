#include "dataflow/merged_routes.hpp"

#include <functional>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "dataflow/progress_names.hpp"
#include "dataflow/route_evolution.hpp"
#include "dataflow/route_fingerprints.hpp"
#include "dataflow/route_shape.hpp"
#include "tests/support/plan_builder.hpp"

// Several tables that feed one target.

namespace leat {
namespace {

using test::file_with;
using test::refused_plan;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::UnorderedElementsAre;

column made(const char* name, value_class kind, const char* type) {
  column c;
  c.name = name;
  c.kind = kind;
  c.type_name = type;
  c.type = kind == value_class::text ? 25 : 23;
  return c;
}

/// schema.orders (id int primary key, note text), of whose columns one may be told otherwise.
table_schema shard(const std::string& schema, const std::string& name = "orders") {
  table_schema t;
  t.id = static_cast<oid>(std::hash<std::string>{}(schema + "." + name));
  t.schema = schema;
  t.name = name;
  t.columns = {made("id", value_class::int4, "integer"), made("note", value_class::text, "text")};
  t.columns[0].identity = true;
  t.columns[0].number = 1;
  t.columns[1].number = 2;
  t.key = {0};
  return t;
}

schema_ptr share(table_schema t) { return std::make_shared<const table_schema>(std::move(t)); }

route_options merged(const std::string& expression = "leat.schema") {
  route_options r;
  r.from = {"shard_*.orders"};
  r.columns = {"id", "note", "source"};
  r.computed = {{"source", expression, ""}};
  r.key = {"source", "id"};
  r.place = {9, 1};
  return r;
}

std::vector<source_table> tables(std::vector<table_schema> of) {
  std::vector<source_table> out;
  for (auto& t : of) out.push_back({share(std::move(t))});
  return out;
}

plan two_shards(const std::string& expression = "leat.schema") {
  return make_plan(file_with({merged(expression)}), tables({shard("shard_1"), shard("shard_2")}));
}

TEST(Merge, ARowsSourceIsToldByAColumnOfTheKey) {
  const auto p = two_shards();
  ASSERT_EQ(p.routes.size(), 2U);
  EXPECT_TRUE(p.routes[0]->merged());
  EXPECT_THAT(p.routes[0]->own_rows, ElementsAre(own_value{"source", "shard_1"}));
  EXPECT_THAT(p.routes[1]->own_rows, ElementsAre(own_value{"source", "shard_2"}));
  EXPECT_THAT(p.routes[0]->beside, ElementsAre(1U));
}

TEST(Merge, EachSourceHasProgressOfItsOwn) {
  const auto p = two_shards();
  EXPECT_EQ(p.routes[0]->progress_name(), "orders <- shard_1.orders");
  EXPECT_EQ(p.routes[1]->progress_name(), "orders <- shard_2.orders");
  const auto alone = make_plan(file_with({merged()}), tables({shard("shard_1")}));
  EXPECT_EQ(alone.routes[0]->progress_name(), "orders") << "one source: as before";
}

TEST(Merge, WhatTheStarOfThePatternStandsForTells) {
  const auto p = two_shards("'{1}'");
  EXPECT_THAT(p.routes[1]->own_rows, ElementsAre(own_value{"source", "2"}));
  const auto number = two_shards("'{1}'::int");
  EXPECT_THAT(number.routes[1]->own_rows, ElementsAre(own_value{"source", "2"}));
}

TEST(Merge, CapturedNamesWithQuotesAreLiterals) {
  auto odd = shard("shard_'; {1}");
  const auto p =
      make_plan(file_with({merged("'{1}'")}), tables({std::move(odd), shard("shard_2")}));
  EXPECT_THAT(p.routes[0]->own_rows, ElementsAre(own_value{"source", "'; {1}"}));
}

TEST(Merge, AConstantOfEachRouteTells) {
  auto first = merged("'north'");
  first.from = {"shard_1.orders"};
  auto second = merged("'south'");
  second.from = {"shard_2.orders"};
  const auto p =
      make_plan(file_with({first, second}), tables({shard("shard_1"), shard("shard_2")}));
  EXPECT_THAT(p.routes[1]->own_rows, ElementsAre(own_value{"source", "south"}));
}

TEST(Merge, WithoutSuchAColumnThePlanSaysHowToMakeOne) {
  auto plain = merged();
  plain.columns.reset();
  plain.computed.clear();
  plain.key.reset();
  EXPECT_THAT(
      refused_plan(file_with({plain}), tables({shard("shard_1"), shard("shard_2")})),
      HasSubstr("tables shard_1.orders and shard_2.orders end at one target `orders` of sink "
                "dwh, and no column of its key tells their rows apart | shop.toml:9:1, route "
                "| give them different names, for instance to = \"{schema}_{table}\"; or "
                "merge them: columns = [\"*\", { name = \"source\", expr = \"leat.schema\" "
                "}], key = [\"source\", \"id\"]"));
  auto same = merged("leat.table");
  EXPECT_THAT(refused_plan(file_with({same}), tables({shard("shard_1"), shard("shard_2")})),
              HasSubstr("no column of its key tells"));
  auto beside_the_key = merged();
  beside_the_key.key = {"id"};
  EXPECT_THAT(
      refused_plan(file_with({beside_the_key}), tables({shard("shard_1"), shard("shard_2")})),
      HasSubstr("no column of its key tells"));
}

struct misfit {
  const char* name;
  std::function<void(pipeline_file&, table_schema&)> spoil; ///< the second shard
  const char* says;
};

class WrongMerge : public testing::TestWithParam<misfit> {};

TEST_P(WrongMerge, IsRefusedWithBothTablesNamed) {
  auto file = file_with({merged()});
  auto second = shard("shard_2");
  GetParam().spoil(file, second);
  const auto said = refused_plan(file, tables({shard("shard_1"), second}));
  EXPECT_THAT(said, HasSubstr(GetParam().says));
  EXPECT_THAT(said, HasSubstr("shard_1.orders and shard_2.orders"));
}

INSTANTIATE_TEST_SUITE_P(
    Merge, WrongMerge,
    testing::Values(misfit{"OtherType",
                           [](auto&, auto& of) {
                             of.columns[1] = made("note", value_class::int4, "integer");
                           },
                           "have column `note` with other types, text and integer"},
                    misfit{"AColumnLess",
                           [](auto& f, auto& of) {
                             of.columns[1].name = "remark";
                             f.routes[0].columns = {"*", "source"};
                           },
                           "do not give the same columns: shard_2.orders has no `note`"},
                    misfit{"OtherMode",
                           [](auto& f, auto&) {
                             auto more = f.routes[0];
                             f.routes[0].from = {"shard_1.orders"};
                             more.from = {"shard_2.orders"};
                             more.removal = delete_mode::soft;
                             f.routes.push_back(more);
                           },
                           "differ in `mode` or `delete`"},
                    misfit{"OtherKey",
                           [](auto& f, auto&) {
                             auto more = f.routes[0];
                             f.routes[0].from = {"shard_1.orders"};
                             more.from = {"shard_2.orders"};
                             more.key = {"id", "source"};
                             f.routes.push_back(more);
                           },
                           "have other keys, (source, id) and (id, source)"},
                    misfit{"WithoutKey",
                           [](auto& f, auto& of) {
                             f.routes[0].key.reset();
                             of.key.clear();
                             of.identity = replica_identity::full;
                           },
                           "shard_2.orders has no key"}),
    [](const auto& one) { return std::string(one.param.name); });

TEST(Merge, TablesOfARunThatChangedSinceMayDifferByColumns) {
  auto longer = shard("shard_2");
  longer.columns.push_back(made("added", value_class::int4, "integer"));
  auto route = merged();
  route.columns = {"*", "source"};
  auto known = tables({shard("shard_1"), longer});
  EXPECT_THAT(refused_plan(file_with({route}), known), HasSubstr("has no `added`"));
  known[1].known = true;
  EXPECT_EQ(refused_plan(file_with({route}), known), "no error");
}

/// The second of two merged routes over the next version of its table.
route_ptr evolved(const std::function<void(table_schema&)>& change) {
  auto file = file_with({merged()});
  file.routes[0].columns = {"*", "source"};
  const auto p = make_plan(file, tables({shard("shard_1"), shard("shard_2")}));
  auto next = shard("shard_2");
  change(next);
  const auto& before = *p.routes[1];
  return evolve_merged_route(evolve_route(before, share(std::move(next))), before,
                             {p.routes[0].get()});
}

std::string refusal(const std::function<void(table_schema&)>& change) {
  try {
    evolved(change);
    return "no error";
  } catch (const error& e) {
    EXPECT_EQ(e.kind(), error_kind::source);
    return std::string(e.what()) + " | " + e.where();
  }
}

TEST(Merge, AColumnAddedToOneTableIsTheTargets) {
  const auto r = evolved([](auto& t) {
    t.columns.push_back(made("added", value_class::int4, "integer"));
    t.columns.back().number = 3;
  });
  std::vector<std::string> names;
  for (const auto& c : r->columns) names.push_back(c.name);
  EXPECT_THAT(names, UnorderedElementsAre("id", "note", "source", "added"));
  EXPECT_FALSE(r->shares("added"));
}

TEST(Merge, AColumnDroppedFromOneTableStaysWhileAnotherHasIt) {
  const auto r = evolved([](auto& t) { t.columns.pop_back(); });
  EXPECT_EQ(r->columns.size(), 2U);
  EXPECT_TRUE(r->shares("note"));
}

TEST(Merge, WhatMakesTheTablesUnlikeStops) {
  EXPECT_THAT(
      refusal([](auto& t) { t.columns[1].name = "remark"; }),
      HasSubstr("column note was renamed to remark, and other tables end at the same target "
                "| table shard_2.orders to orders"));
  EXPECT_THAT(refusal([](auto& t) {
                t.columns[1].type_name = "integer";
                t.columns[1].kind = value_class::int4;
                t.columns[1].type = 23;
              }),
              HasSubstr("column note is integer now and was text"));
  EXPECT_THAT(refusal([](auto& t) { t.schema = "shard_3"; }),
              HasSubstr("the table was renamed, and its rows at the target are told"));
}

TEST(Merge, WhoWasThereBeforeTheOthersKeepsTheNameOfItsProgress) {
  const auto alone = make_plan(file_with({merged()}), tables({shard("shard_1")}));
  const std::map<std::string, std::string> known{
      {"dwh/orders", route_fingerprint(*alone.routes[0])}};
  auto routes = two_shards().routes;
  keep_progress_names(routes, known);
  EXPECT_EQ(routes[0]->progress_name(), "orders");
  EXPECT_EQ(routes[1]->progress_name(), "orders <- shard_2.orders");
}

TEST(Merge, WhoIsLeftAloneKeepsTheNameOfItsProgress) {
  const auto both = two_shards();
  const std::map<std::string, std::string> known{
      {both.routes[1]->full_name(), route_fingerprint(*both.routes[1])}};
  auto routes = make_plan(file_with({merged()}), tables({shard("shard_2")})).routes;
  keep_progress_names(routes, known);
  EXPECT_EQ(routes[0]->progress_name(), "orders <- shard_2.orders");
}

route_ptr with_condition(const std::string& where, expression_policy on_error = {}) {
  route_options r;
  r.from = {"shard_1.orders"};
  r.where = where;
  r.on_error = on_error;
  auto file = file_with({r});
  file.sinks[0].dead_letter = "bad";
  return make_plan(file, tables({shard("shard_1")})).routes[0];
}

TEST(ConditionAtSource, IsThatAnyOfTheRoutesHolds) {
  EXPECT_EQ(condition_at_source({with_condition("id > 1")}), "(id > 1\n)");
  EXPECT_EQ(condition_at_source({with_condition("id > 1"), with_condition("note IS NULL -- here")}),
            "(id > 1\n) OR (note IS NULL -- here\n)");
  EXPECT_EQ(condition_at_source({with_condition("id > 1"), with_condition("")}), "");
}

TEST(ConditionAtSource, IsLeftToLeatWhereTheServerWouldAnswerOtherwise) {
  EXPECT_EQ(condition_at_source({with_condition("upper(note) = 'A'")}), "") << "a locale";
  EXPECT_EQ(condition_at_source({with_condition("leat.table = 'orders'")}), "")
      << "not at the server";
  EXPECT_EQ(condition_at_source({with_condition("note::date > '2024-01-01'")}), "")
      << "ISO forms only";
  EXPECT_EQ(condition_at_source({with_condition("1 / id > 0", expression_policy::null)}), "");
  EXPECT_EQ(condition_at_source({with_condition("1 / id > 0", expression_policy::dead_letter)}),
            "");
}

} // namespace
} // namespace leat
