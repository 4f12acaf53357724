#include "dataflow/plan.hpp"
#include "dataflow/route_evolution.hpp"
#include "dataflow/route_fingerprints.hpp"

#include <functional>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/plan_builder.hpp"

namespace leat {
namespace {

using test::file_with;
using test::refused_plan;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

/// A source table whose columns are int4, the first `keys` of them its primary key.
struct table_builder {
  table_schema table;

  table_builder(const std::string& schema, const std::string& name,
                std::initializer_list<const char*> columns, std::size_t keys = 1) {
    table.id = static_cast<oid>(std::hash<std::string>{}(schema + "." + name));
    table.schema = schema;
    table.name = name;
    for (const char* each : columns) {
      column& c = table.columns.emplace_back();
      c.name = each;
      c.type = 23;
      c.type_name = "integer";
      c.kind = value_class::int4;
      c.number = static_cast<std::int16_t>(table.columns.size());
      if (table.columns.size() > keys) continue;
      c.identity = true;
      table.key.push_back(static_cast<std::uint16_t>(table.columns.size() - 1));
    }
  }
  table_builder& full() {
    table.identity = replica_identity::full;
    for (column& c : table.columns) c.identity = true;
    return *this;
  }
  table_builder& rename(std::size_t i, const char* name) {
    table.columns[i].name = name;
    return *this;
  }
  table_builder& drop(std::size_t i) {
    table.columns.erase(table.columns.begin() + static_cast<std::ptrdiff_t>(i));
    for (std::uint16_t& k : table.key)
      if (k > i) --k;
    return *this;
  }
  table_builder& add(const char* name) {
    column c = table.columns.back();
    c.name = name;
    c.identity = false;
    c.number = static_cast<std::int16_t>(c.number + 1);
    table.columns.push_back(c);
    return *this;
  }
  table_builder& key(std::initializer_list<std::uint16_t> columns) {
    for (column& c : table.columns) c.identity = false;
    table.key = columns;
    for (const std::uint16_t k : table.key) table.columns[k].identity = true;
    return *this;
  }
  schema_ptr make() const { return std::make_shared<const table_schema>(table); }
  operator source_table() const { return {make(), 0}; }
};

route_options from(std::vector<std::string> tables) {
  route_options options;
  options.from = std::move(tables);
  options.place = {9, 1};
  return options;
}

const table_builder orders{"public", "orders", {"id", "name", "secret"}};
const table_builder items{"public", "items", {"order_id", "line", "price"}, 2};

std::vector<std::string> targets(const plan& made) {
  std::vector<std::string> names;
  for (const route_ptr& r : made.routes) names.push_back(r->sink + ":" + r->target);
  return names;
}

std::vector<std::string> columns(const route& r) {
  std::vector<std::string> names;
  for (const target_column& c : r.columns) names.push_back(c.name);
  return names;
}

std::vector<std::string> keys(const route& r) {
  std::vector<std::string> names;
  for (std::size_t i = 0; i < r.key.size(); ++i) {
    EXPECT_EQ(r.columns[r.key[i]].source, r.source_key[i]);
    names.push_back(r.columns[r.key[i]].name);
  }
  return names;
}

TEST(Plan, WithoutRoutesSendsEveryTableToTheOnlySinkUnderItsName) {
  const plan made = make_plan(file_with({}), {orders, items});
  EXPECT_THAT(targets(made), ElementsAre("dwh:items", "dwh:orders"));
  EXPECT_THAT(columns(*made.routes[1]), ElementsAre("id", "name", "secret"));
  EXPECT_THAT(keys(*made.routes[0]), ElementsAre("order_id", "line"));
  EXPECT_TRUE(made.routes[0]->all_columns);
  EXPECT_EQ(made.routes[1]->id, 1U);
  EXPECT_EQ(made.tables.size(), 2U);
  EXPECT_THAT(made.problems, IsEmpty());
}

TEST(Plan, KeepsTheKeysOwnOrder) {
  table_builder table = items;
  table.key({1, 0});
  EXPECT_THAT(keys(*make_plan(file_with({}), {table}).routes[0]), ElementsAre("line", "order_id"));
}

TEST(Plan, FansOneTableOutToSeveralTargets) {
  pipeline_file file = file_with({from({"public.orders"}), from({"public.o*"})});
  file.sinks.push_back(file.sinks[0]);
  file.sinks[1].name = "copy";
  file.routes[0].sink = "dwh";
  file.routes[1].sink = "copy";
  const plan made = make_plan(file, {orders});
  EXPECT_THAT(targets(made), ElementsAre("dwh:orders", "copy:orders"));
  EXPECT_EQ(made.tables.size(), 1U);
}

TEST(Plan, NamesTargetsAfterSchemaAndTable) {
  route_options options = from({"*.*"});
  options.to = "{schema}_{table}";
  const table_builder hostile{"s", "{schema}", {"id"}};
  EXPECT_THAT(targets(make_plan(file_with({options}), {orders, hostile})),
              ElementsAre("dwh:public_orders", "dwh:s_{schema}"));
}

TEST(Plan, TakesTheColumnsThatAreNamedInTheirOrder) {
  route_options options = from({"public.orders"});
  options.columns = {"name", "id"};
  const plan made = make_plan(file_with({options}), {orders});
  EXPECT_THAT(columns(*made.routes[0]), ElementsAre("name", "id"));
  EXPECT_THAT(made.routes[0]->key, ElementsAre(1));
  EXPECT_THAT(made.routes[0]->source_key, ElementsAre(0));
  EXPECT_FALSE(made.routes[0]->all_columns);
}

TEST(Plan, StarStandsForTheColumnsThatAreNotNamed) {
  route_options options = from({"public.orders"});
  options.columns = {"secret", "*"};
  const plan made = make_plan(file_with({options}), {orders});
  EXPECT_THAT(columns(*made.routes[0]), ElementsAre("secret", "id", "name"));
  EXPECT_TRUE(made.routes[0]->all_columns);
}

TEST(Plan, LeavesExcludedColumnsOut) {
  route_options options = from({"public.orders"});
  options.exclude = {"secret"};
  EXPECT_THAT(columns(*make_plan(file_with({options}), {orders}).routes[0]),
              ElementsAre("id", "name"));
}

TEST(Plan, ExcludedColumnNeedsToBeInOneOfTheTablesOnly) {
  route_options options = from({"public.*"});
  options.exclude = {"secret"};
  EXPECT_EQ(make_plan(file_with({options}), {orders, items}).routes.size(), 2U);
}

TEST(Plan, RoutesPolicyComesBeforeTheSinks) {
  route_options options = from({"public.orders"});
  options.schema_changes = schema_policy::evolve;
  pipeline_file file = file_with({options, from({"public.items"})});
  file.sinks[0].schema_changes = schema_policy::stop;
  const plan made = make_plan(file, {orders, items});
  EXPECT_EQ(made.routes[0]->schema_changes, schema_policy::evolve);
  EXPECT_EQ(made.routes[1]->schema_changes, schema_policy::stop);
}

TEST(Plan, TableWithoutKeyNeedsReplicaIdentityFull) {
  table_builder table{"public", "we\"ird Таблица", {"a", "b"}, 0};
  EXPECT_THAT(refused_plan(file_with({}), {table}),
              HasSubstr("table public.we\"ird Таблица: it has neither a key nor REPLICA IDENTITY "
                        "FULL, so rows cannot be found at the target | shop.toml, source.tables | "
                        "ALTER TABLE \"public\".\"we\"\"ird Таблица\" REPLICA IDENTITY FULL (if it "
                        "is partitioned, of every partition as well), add a primary key, or use "
                        "mode = \"append\""));
  table.full();
  EXPECT_THAT(make_plan(file_with({}), {table}).routes[0]->key, IsEmpty());
}

TEST(Plan, SqliteNeedsANameForTheRowNumberWhereThereIsNoKey) {
  table_builder table{"public", "t", {"rowid", "_ROWID_", "oid"}, 0};
  table.full();
  EXPECT_THAT(refused_plan(file_with({}), {table}),
              HasSubstr("all of SQLite's names for the row number"));
  EXPECT_EQ(make_plan(file_with({}, "postgres"), {table}).routes.size(), 1U);
}

TEST(Plan, AppendNeedsNoKey) {
  route_options options = from({"public.*"});
  options.mode = route_mode::append;
  const table_builder keyless{"public", "log", {"a"}, 0};
  EXPECT_THAT(make_plan(file_with({options}), {keyless}).routes[0]->key, IsEmpty());
  options.exclude = {"id"};
  EXPECT_THAT(make_plan(file_with({options}), {orders}).routes[0]->key, IsEmpty());
}

TEST(Plan, KeyOfTheRouteMustBeBroughtByDeletes) {
  route_options options = from({"public.orders"});
  options.key = {"name"};
  EXPECT_THAT(refused_plan(file_with({options}), {orders}),
              HasSubstr("column `name` of the route's key is not part of the replica identity"));
  table_builder full = orders;
  EXPECT_THAT(keys(*make_plan(file_with({options}), {full.full()}).routes[0]), ElementsAre("name"));
}

TEST(Plan, SaysWhichSelectedTablesNoRouteTakes) {
  const plan made = make_plan(file_with({from({"public.orders"})}), {orders, items});
  ASSERT_EQ(made.problems.size(), 1U);
  EXPECT_EQ(made.problems[0].level, severity::note);
  EXPECT_EQ(made.problems[0].what, "no route takes table public.items");
  ASSERT_EQ(made.tables.size(), 1U);
  EXPECT_EQ(made.tables[0]->name, "orders");
}

TEST(Plan, SaysOnceWhatIsTrueOfManyTables) {
  std::vector<source_table> tables;
  for (int i = 0; i < 9; ++i) {
    table_builder shard{"shard_" + std::to_string(i), "orders", {"id", "note"}};
    shard.table.columns[1].kind = value_class::text;
    tables.push_back(shard);
  }
  tables.push_back(items);
  tables.push_back(orders);
  route_options shards = from({"shard_*.orders"});
  shards.to = "orders_{1}";
  shards.where = "note <> ''";
  const auto notes = make_plan(file_with({shards}), tables).problems;
  ASSERT_EQ(notes.size(), 2U);
  EXPECT_THAT(notes[0].what,
              HasSubstr("tables shard_0.orders, shard_1.orders, shard_2.orders, shard_3.orders and "
                        "5 more: expressions read note"));
  EXPECT_EQ(notes[1].what, "no route takes tables public.items and public.orders");
}

TEST(Plan, DraftHoldsAllErrorsAndTheGoodRoutes) {
  route_options wrong = from({"public.orders"});
  wrong.columns = {"nmae"};
  const plan drafted = draft_plan(
      file_with({wrong, from({"public.itmes"}), from({"public.items"})}), {orders, items});
  EXPECT_THAT(targets(drafted), ElementsAre("dwh:items"));
  ASSERT_EQ(drafted.problems.size(), 2U);
  EXPECT_THAT(drafted.problems[0].remedy, "did you mean `name`?");
  EXPECT_THAT(drafted.problems[1].remedy, HasSubstr("did you mean public.items?"));
}

struct wrong_route {
  const char* name;
  std::function<void(pipeline_file&)> change;
  const char* expected;
};

void PrintTo(const wrong_route& route, std::ostream* out) { *out << route.name; }

class WrongRoute : public testing::TestWithParam<wrong_route> {};

TEST_P(WrongRoute, IsRefusedWithPlaceAndRemedy) {
  pipeline_file file = file_with({from({"public.orders"})});
  GetParam().change(file);
  EXPECT_THAT(
      refused_plan(file, {orders, items, table_builder("crm", "Orders", {"id", "Id", "_leat_op"})}),
      HasSubstr(GetParam().expected));
}

const wrong_route wrong_routes[] = {
    {"ListedTableMissing",
     [](auto& f) {
       f.source.tables = {"*.*", "public.order"};
     },
     "there is no table public.order at the source that can be captured | shop.toml, source.tables "
     "| did you mean public.orders?"},
    {"NothingSelected",
     [](auto& f) {
       f.source.tables = {"none.*"};
       f.routes.clear();
     },
     "no table is selected | shop.toml, source.tables"},
    {"OnlyExclusions",
     [](auto& f) {
       f.source.tables = {"!public.*"};
       f.routes.clear();
     },
     "no table is selected"},
    {"FromMissing", [](auto& f) { f.routes[0].from = {"public.oders"}; },
     "there is no table public.oders at the source that can be captured | shop.toml:9:1, route.from | did you mean "
     "public.orders?"},
    {"FromNotSelected", [](auto& f) { f.source.tables = {"public.items"}; },
     "`source.tables` does not select table public.orders | shop.toml:9:1, route.from | add it to "
     "`source.tables`"},
    {"FromFitsNothing", [](auto& f) { f.routes[0].from = {"public.order_*"}; },
     "no selected table fits public.order_* | shop.toml:9:1, route.from | did you mean "
     "public.orders?"},
    {"SnapshotPredicateOfUnknownTable",
     [](auto& f) {
       f.source.where = {{"public.item", "true"}};
     },
     "table public.item is not among the selected ones | shop.toml, source.snapshot.where | did "
     "you mean public.items?"},
    {"OneTargetTwice", [](auto& f) { f.routes.push_back(f.routes[0]); },
     "tables public.orders and public.orders end at one target `orders` of sink dwh"},
    {"OneTargetByCase",
     [](auto& f) {
       f.routes[0].from = {"*.?rders"};
       f.routes[0].columns = {"id"};
     },
     "tables crm.Orders and public.orders end at one target `orders` of sink dwh | shop.toml:9:1, "
     "route | give them different names, for instance to = \"{schema}_{table}\""},
    {"ColumnsByCase", [](auto& f) { f.routes[0].from = {"crm.*"}; },
     "columns `id` and `Id` are one name to SQLite"},
    {"UnknownColumn",
     [](auto& f) {
       f.routes[0].columns = {"id", "nmae"};
     },
     "`columns` names column `nmae`, which the table does not have | shop.toml:9:1, route.columns "
     "| did "
     "you mean `name`?"},
    {"UnknownExclude", [](auto& f) { f.routes[0].exclude = {"nmae"}; },
     "no table of the route has the column `nmae` | shop.toml:9:1, route.exclude | did you mean "
     "`name`?"},
    {"UnknownKey", [](auto& f) { f.routes[0].key = {"nmae"}; }, "`key` names column `nmae`"},
    {"ColumnTwice",
     [](auto& f) {
       f.routes[0].columns = {"id", "id"};
     },
     "`columns` names `id` twice"},
    {"KeyTwice",
     [](auto& f) {
       f.routes[0].key = {"id", "id"};
     },
     "`key` names `id` twice"},
    {"KeyColumnLeftOut", [](auto& f) { f.routes[0].columns = {"name"}; },
     "table public.orders: column `id` of the table's key is not among the columns that are "
     "written"},
    {"KeyColumnExcluded", [](auto& f) { f.routes[0].exclude = {"id"}; },
     "column `id` of the table's key"},
    {"EverythingExcluded",
     [](auto& f) {
       f.routes[0].exclude = {"id", "name", "secret"};
     },
     "no column is left to write"},
    {"ReservedTarget", [](auto& f) { f.routes[0].to = "Leat_Progress"; },
     "the target name `Leat_Progress` is leat's own"},
    {"DeadLetterTarget",
     [](auto& f) {
       f.sinks[0].dead_letter = "bad";
       f.routes[0].to = "bad";
     },
     "the target name `bad` is leat's own"},
    {"CaptureThatThePatternHasNot",
     [](auto& f) {
       f.routes[0].from = {"crm.*"};
       f.routes[0].to = "of_{1}_{2}";
     },
     "`to` names {2}, and the pattern of `from` that takes the table has one star"},
    {"SqliteTarget", [](auto& f) { f.routes[0].to = "sqlite_x"; }, "is SQLite's own"},
    {"ReservedColumnOfAppend",
     [](auto& f) {
       f.routes[0].from = {"crm.*"};
       f.routes[0].exclude = {"Id"};
       f.routes[0].mode = route_mode::append;
     },
     "column `_leat_op` has the name of a column that leat adds"},
    {"ReservedColumnOfSoftDelete",
     [](auto& f) {
       f.routes[0].from = {"crm.*"};
       f.routes[0].exclude = {"Id"};
       f.routes[0].removal = delete_mode::soft;
     },
     "column `_leat_op` has the name of a column that leat adds"},
};

INSTANTIATE_TEST_SUITE_P(Plan, WrongRoute, testing::ValuesIn(wrong_routes),
                         [](const auto& one) { return one.param.name; });

TEST(Plan, PostgresTellsUpperFromLowerCase) {
  const table_builder upper{"public", "Orders", {"id", "Id"}};
  EXPECT_EQ(make_plan(file_with({}, "postgres"), {orders, upper}).routes.size(), 2U);
}

TEST(Plan, PostgresTargetsAreOneWhenSchemaAndNameAre) {
  route_options named = from({"public.orders"});
  named.to = "public.items";
  EXPECT_THAT(refused_plan(file_with({named, from({"public.items"})}, "postgres"), {orders, items}),
              HasSubstr("end at one target `items`"));
  const table_builder dotted{"public", "public.items", {"id"}};
  EXPECT_EQ(make_plan(file_with({}, "postgres"), {items, dotted}).routes.size(), 2U);
}

TEST(Plan, SoftDeleteNeedsAKey) {
  route_options options = from({"public.log"});
  options.removal = delete_mode::soft;
  table_builder keyless{"public", "log", {"a"}, 0};
  EXPECT_THAT(refused_plan(file_with({options}), {keyless.full()}),
              HasSubstr("delete = \"soft\" needs a key"));
}

// --- routes over schema changes

route_ptr orders_route(std::function<void(route_options&)> change = [](auto&) {}) {
  route_options options = from({"public.orders"});
  change(options);
  return make_plan(file_with({options}), {orders}).routes[0];
}

std::string evolve_failure(const route& before, const schema_ptr& after) {
  try {
    evolve_route(before, after);
    return "no error";
  } catch (const error& e) {
    EXPECT_EQ(e.kind(), error_kind::source);
    EXPECT_THAT(e.remedy(), HasSubstr("made anew"));
    return e.brief();
  }
}

TEST(RouteEvolution, TakesAddedColumnsOnlyWhenItTakesAll) {
  table_builder after = orders;
  after.add("email");
  EXPECT_THAT(columns(*evolve_route(*orders_route(), after.make())),
              ElementsAre("id", "name", "secret", "email"));
  const route_ptr named = orders_route([](auto& o) { o.columns = {"id", "name"}; });
  EXPECT_THAT(columns(*evolve_route(*named, after.make())), ElementsAre("id", "name"));
  const route_ptr excluding = orders_route([](auto& o) { o.exclude = {"secret"}; });
  EXPECT_THAT(columns(*evolve_route(*excluding, after.make())), ElementsAre("id", "name", "email"));
}

TEST(RouteEvolution, LetsDroppedColumnsGoAndKeepsTheKey) {
  table_builder after = orders;
  const route_ptr reordered = orders_route([](auto& o) { o.columns = {"name", "secret", "id"}; });
  const route_ptr next = evolve_route(*reordered, after.drop(1).make());
  EXPECT_THAT(columns(*next), ElementsAre("secret", "id"));
  EXPECT_THAT(keys(*next), ElementsAre("id"));
  EXPECT_EQ(next->id, reordered->id);
}

TEST(RouteEvolution, RenamedColumnsKeepTheirPlaceAndTakeTheNewName) {
  table_builder after = orders;
  const route_ptr next = evolve_route(*orders_route(), after.rename(0, "number").make());
  EXPECT_THAT(columns(*next), ElementsAre("number", "name", "secret"));
  EXPECT_THAT(keys(*next), ElementsAre("number"));
}

TEST(RouteEvolution, IsTheRouteThatAFreshPlanWouldMake) {
  table_builder after = orders;
  after.drop(1).rename(1, "s").add("email");
  const route_ptr fresh =
      make_plan(file_with({from({"public.orders"})}), {source_table{after.make()}}).routes[0];
  EXPECT_EQ(route_fingerprint(*evolve_route(*orders_route(), after.make())),
            route_fingerprint(*fresh));
}

TEST(RouteEvolution, RefusesAKeyThatGoesOrChanges) {
  table_builder dropped = orders;
  EXPECT_THAT(evolve_failure(*orders_route(), dropped.drop(0).make()),
              HasSubstr("column id of the route's key was dropped (table public.orders)"));
  table_builder other = orders;
  EXPECT_THAT(evolve_failure(*orders_route(), other.key({0, 1}).make()),
              HasSubstr("the key of the table changed from (id) to (id, name)"));
  table_builder none = orders;
  EXPECT_THAT(evolve_failure(*orders_route(), none.key({}).make()), HasSubstr("from (id) to ()"));
}

TEST(RouteEvolution, AppendNeedsNoKeyToGoOn) {
  const route_ptr before = orders_route([](auto& o) { o.mode = route_mode::append; });
  table_builder after = orders;
  const route_ptr next = evolve_route(*before, after.drop(0).make());
  EXPECT_THAT(columns(*next), ElementsAre("name", "secret"));
  EXPECT_THAT(next->key, IsEmpty());
}

TEST(RouteEvolution, RefusesANewColumnWithTheNameOfOneThatLeatAdds) {
  const route_ptr before = orders_route([](auto& o) { o.mode = route_mode::append; });
  table_builder after = orders;
  EXPECT_THAT(evolve_failure(*before, after.add("_leat_op").make()),
              HasSubstr("the new column _leat_op"));
}

TEST(RouteEvolution, FollowsASwitchToReplicaIdentityFull) {
  table_builder after = orders;
  EXPECT_THAT(keys(*evolve_route(*orders_route(), after.full().make())), ElementsAre("id"));
  after.table.key.clear();
  EXPECT_THAT(keys(*evolve_route(*orders_route(), after.make())), ElementsAre("id"));
}

TEST(RouteEvolution, RefusesKeylessRowsThatAreNoLongerSentWhole) {
  table_builder keyless{"public", "log", {"a", "b"}, 0};
  keyless.full();
  const route_ptr before = make_plan(file_with({}), {keyless}).routes[0];
  keyless.table.identity = replica_identity::by_default;
  EXPECT_THAT(evolve_failure(*before, keyless.make()), HasSubstr("no longer FULL"));
}

TEST(RouteFingerprint, ChangesWithWhatChangesRows) {
  const std::string plain = route_fingerprint(*orders_route());
  EXPECT_EQ(plain, route_fingerprint(*orders_route()));
  const auto difference = [&](std::function<void(route_options&)> change) {
    return compare_fingerprints(plain, route_fingerprint(*orders_route(std::move(change))));
  };
  EXPECT_EQ(difference([](auto& o) { o.to = "o"; }), "target");
  EXPECT_EQ(difference([](auto& o) { o.exclude = {"secret"}; }), "columns");
  EXPECT_EQ(difference([](auto& o) {
              o.columns = {"name", "id", "secret"};
            }),
            "")
      << "a column that is added stands at the end, and elsewhere in the next plan";
  EXPECT_EQ(difference([](auto& o) { o.removal = delete_mode::soft; }), "delete");
  EXPECT_EQ(difference([](auto& o) { o.mode = route_mode::append; }), "mode");
  EXPECT_EQ(difference([](auto& o) { o.schema_changes = schema_policy::stop; }), "");
  EXPECT_EQ(difference([](auto& o) { o.columns = {"id", "name", "secret"}; }), "");
}

TEST(RouteFingerprint, NamesCannotBeMistakenForOneAnother) {
  const table_builder one{"public", "t", {"id", "a b"}};
  const table_builder two{"public", "t", {"id", "a", "b"}};
  const auto print = [](const table_builder& table) {
    return route_fingerprint(*make_plan(file_with({}), {table}).routes[0]);
  };
  EXPECT_NE(print(one), print(two));
}

} // namespace
} // namespace leat
