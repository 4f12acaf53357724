#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "dataflow/append_row.hpp"
#include "dataflow/error.hpp"
#include "dataflow/route_shape.hpp"
#include "plugins/transforms/elements.hpp"
#include "tests/support/chain_at_work.hpp"
#include "tests/support/items.hpp"

// Transforms that keep state: dedup, remember, explode.

namespace leat {
namespace {

using test::absent;
using test::batch_builder;
using test::chain_at_work;
using test::items;
using test::row;
using test::transform_section;
using test::unchanged;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::Optional;

route log_of(const schema_ptr& table) {
  auto r = test::route_of(table);
  r.mode = route_mode::append;
  return r;
}

batch_builder change() { return batch_builder(items()); }

class Dedup : public testing::Test {
 protected:
  chain_at_work all_{items(), {transform_section("dedup")}};
  chain_at_work names_{items(), {transform_section("dedup").set("columns", {"name"})}};
};

TEST_F(Dedup, DropsAnUpdateThatChangesNothing) {
  EXPECT_THAT(all_.run(change().insert({1, "a", "x"}).update({1, "a", "x"}).update({1, "b", "x"})),
              ElementsAre("i 1|a|x", "u 1|b|x"));
}

TEST_F(Dedup, TakesAValueThatWasLeftAloneForTheSame) {
  EXPECT_THAT(
      all_.run(
          change().insert({1, "a", "x"}).update({1, "a", unchanged}).update({1, "b", unchanged})),
      ElementsAre("i 1|a|x", "u 1|b|~"));
}

TEST_F(Dedup, LooksAtTheChosenColumnsOnly) {
  EXPECT_THAT(
      names_.run(change().insert({1, "a", "x"}).update({1, "a", "y"}).update({1, nullptr, "y"})),
      ElementsAre("i 1|a|x", "u 1|NULL|y"));
}

TEST_F(Dedup, PassesWhatItKnowsNothingOf) {
  EXPECT_THAT(all_.run(change().update({1, "a", unchanged}).update({1, "a", unchanged})),
              ElementsAre("u 1|a|~", "u 1|a|~"))
      << "a value that never came may be another than the target's";
}

TEST_F(Dedup, PassesRowsOfSnapshotsAndForgetsRowsThatGo) {
  EXPECT_THAT(all_.run(change()
                           .read({1, "a", "x"})
                           .read({1, "a", "x"})
                           .remove({1, absent, absent})
                           .update({1, "a", "x"})
                           .truncate()
                           .update({1, "a", "x"})),
              ElementsAre("r 1|a|x", "r 1|a|x", "d 1|-|-", "u 1|a|x", "t", "u 1|a|x"));
}

TEST_F(Dedup, FollowsAKeyThatMoves) {
  EXPECT_THAT(all_.run(change()
                           .insert({1, "a", "x"})
                           .update({1, absent, absent}, {2, "a", "x"})
                           .update({2, "a", "x"})
                           .insert({1, "a", "x"})
                           .update({1, "a", "x"})),
              ElementsAre("i 1|a|x", "u 2|a|x <- 1|-|-", "i 1|a|x"));
}

TEST_F(Dedup, AColumnThatIsDroppedAndComesAgainHasOtherValues) {
  const auto narrow = [](const char* second) {
    auto t = test::table("public.items").column("id", value_class::int4);
    if (second != nullptr) t.column(second, value_class::text);
    return t.key({"id"}).build();
  };
  const auto with = narrow("name");
  chain_at_work chain(with, {transform_section("dedup")});
  EXPECT_THAT(chain.run(batch_builder(with).insert({1, "a"}).update({1, "a"})),
              ElementsAre("i 1|a"));
  chain.change_columns(with);
  EXPECT_THAT(chain.run(batch_builder(with).update({1, "a"})), IsEmpty());
  chain.change_columns(narrow(nullptr));
  chain.change_columns(with);
  EXPECT_THAT(chain.run(batch_builder(with).update({1, "a"})), ElementsAre("u 1|a"));
  chain.change_columns(narrow("surname"));
  chain.change_columns(with);
  EXPECT_THAT(chain.run(batch_builder(with).truncate().update({1, "a"}).update({1, "a"})),
              ElementsAre("t", "u 1|a"));
}

TEST_F(Dedup, NeedsAKey) {
  auto keyless = test::table("public.t").column("a", value_class::text).replica_full().build();
  EXPECT_THROW(chain_at_work(keyless, {transform_section("dedup")}), error);
}

TEST(Remember, FillsWhatAnUpdateLeftOut) {
  chain_at_work chain(items(), {transform_section("remember")});
  EXPECT_THAT(chain.run(change()
                            .insert({1, "a", "large"})
                            .update({1, "b", unchanged})
                            .update({1, unchanged, nullptr})
                            .update({1, "c", unchanged})),
              ElementsAre("i 1|a|large", "u 1|b|large", "u 1|b|NULL", "u 1|c|NULL"));
  EXPECT_THAT(chain.asked(), IsEmpty());
}

TEST(Remember, AsksForARowThatItHasNotSeen) {
  chain_at_work chain(items(), {transform_section("remember")});
  EXPECT_THAT(chain.run(change().update({1, "b", unchanged})), ElementsAre("d 1|b|-"));
  EXPECT_THAT(chain.asked(), ElementsAre(ElementsAre("1")));
  EXPECT_THAT(chain.run(change().read({1, "b", "large"}).update({1, "c", unchanged})),
              ElementsAre("r 1|b|large", "u 1|c|large"));
}

/// An update that enters the publication's row filter.
TEST(Transforms, AskForAnInsertThatDidNotComeWhole) {
  const row entered{1, "a", unchanged};
  for (const auto* each : {"remember", "dedup"}) {
    chain_at_work chain(items(), {transform_section(each)});
    EXPECT_THAT(chain.run(change().insert(entered)), ElementsAre("d 1|a|-")) << each;
    EXPECT_THAT(chain.asked(), ElementsAre(ElementsAre("1"))) << each;
  }
  chain_at_work log(log_of(items()), {transform_section("dedup")});
  EXPECT_THAT(log.run(change().insert(entered)), ElementsAre("i 1|a|~"));
}

TEST(Remember, DoesNotFillARowThatMovesFromALaterOneOfAChunk) {
  chain_at_work chain(items(), {transform_section("remember")});
  batch_builder b(items());
  b.chunk(100, 1).read({1, "later", "of another row"});
  b.begin(50).update({1, absent, absent}, {2, "a", unchanged});
  EXPECT_THAT(chain.run(b), ElementsAre("r 1|later|of another row", "d 1|-|-", "d 2|a|-"));
  EXPECT_THAT(chain.asked(), ElementsAre(ElementsAre("2")));
}

TEST(Remember, FillsARowThatMovesFromAnEarlierOne) {
  chain_at_work chain(items(), {transform_section("remember")});
  batch_builder b(items());
  b.chunk(100, 1).read({1, "a", "large"});
  b.begin(150).update({1, absent, absent}, {2, "a", unchanged});
  EXPECT_THAT(chain.run(b), ElementsAre("r 1|a|large", "u 2|a|large <- 1|-|-"));
  EXPECT_EQ(chain.keys(0), 1U);
}

TEST(Remember, GivesLogsTheWholeOldRow) {
  chain_at_work chain(log_of(items()), {transform_section("remember")});
  EXPECT_THAT(
      chain.run(
          change().insert({1, "a", "x"}).update({1, "b", unchanged}).remove({1, absent, absent})),
      ElementsAre("i 1|a|x", "u 1|b|x <- 1|a|x", "d 1|b|x"));
}

TEST(Remember, GivesLogsNothingOfALaterRow) {
  chain_at_work chain(log_of(items()), {transform_section("remember")});
  batch_builder b(items());
  b.chunk(100, 1).read({1, "later", "later"});
  b.begin(50).update({1, "a", unchanged});
  EXPECT_THAT(chain.run(b), ElementsAre("r 1|later|later", "u 1|a|~"));
}

TEST(Remember, KeepsWhatTheStreamBroughtToALog) {
  chain_at_work chain(log_of(items()), {transform_section("remember")});
  batch_builder b(items());
  b.begin(40).insert({1, "new", "new"});
  b.chunk(50, 1).read({1, "older", "older"});
  b.begin(60).update({1, "a", unchanged});
  EXPECT_THAT(chain.run(b),
              ElementsAre("i 1|new|new", "r 1|older|older", "u 1|a|new <- 1|new|new"));
}

TEST(Remember, ShowsOldValuesBesideTheNewOnes) {
  chain_at_work chain(log_of(items()), {transform_section("remember").set("before", {"old_"})});
  EXPECT_THAT(chain.columns(), ElementsAre("id", "name", "body", "old_id", "old_name", "old_body"));
  EXPECT_THAT(
      chain.run(
          change().insert({1, "a", "x"}).update({1, "b", unchanged}).remove({1, absent, absent})),
      ElementsAre("i 1|a|x|NULL|NULL|NULL", "u 1|b|x|1|a|x <- 1|a|x|1|a|x", "d 1|b|x|1|b|x"));
}

TEST(Remember, KeepsRowsReadableWhenColumnsComeAndGo) {
  test::map_state state;
  const auto run = [&](const schema_ptr& table, batch_builder& b) {
    auto r = test::share(plan_transforms(
        test::share(test::route_of(table)),
        {{"remember", transforms::make_built_in(transform_section("remember").options())}}));
    transform_chain chain(r, [&](const route&, std::size_t, const std::string&) { return &state; });
    const auto rows = b.build();
    const auto made = chain.apply(*rows, all_changes(*rows));
    const auto& c = made->changes.back();
    std::vector<std::string> texts;
    for (const auto each : made->new_row(c)) texts.emplace_back(made->text(each));
    return texts;
  };
  batch_builder first(items());
  run(items(), first.insert({1, "a", "large"}));
  const auto later = test::table("public.items")
                         .column("id", value_class::int4, 1)
                         .column("body", value_class::text, 3)
                         .column("more", value_class::text, 4)
                         .key({"id"})
                         .build();
  batch_builder second(later);
  EXPECT_THAT(run(later, second.update({1, unchanged, "m"})), ElementsAre("1", "large", "m"));
}

/// Rows of `items` with a large body, and its size.
route large_items(route_mode mode = route_mode::upsert) {
  auto r = test::route_of(items());
  r.mode = mode;
  r.shape = make_shape({"length(body) > 2", {}, {{"size", "length(body)", ""}}, {}}, items());
  r.schema = shaped_schema(*r.shape);
  r.columns = {{"id", 0}, {"name", 1}, {"size", 3}};
  return r;
}

TEST(Remember, ThatStandsFirstFillsWhatExpressionsRead) {
  chain_at_work chain(large_items(), {transform_section("remember")});
  EXPECT_TRUE(chain.planned().chain->completes_table());
  EXPECT_THAT(
      chain.run(change()
                    .insert({1, "a", "xxx"})
                    .insert({2, "a", "x"})
                    .update({1, "b", unchanged})
                    .update({2, "b", unchanged})
                    .update({2, "b", "xxxx"})
                    .update({2, absent, absent}, {3, "c", unchanged})
                    .update({1, "b", "x"})),
      ElementsAre("i 1|a|3", "u 1|b|3", "d 2|-|-", "u 2|b|4", "u 3|c|4 <- 2|-|-", "d 1|-|-"))
      << "rows that do not match are remembered, too";
  EXPECT_THAT(chain.asked(), IsEmpty());
  EXPECT_THAT(chain.run(change().update({9, "z", unchanged})), ElementsAre("d 9|z|-"));
  EXPECT_THAT(chain.asked(), ElementsAre(ElementsAre("9")));
  EXPECT_THAT(chain.run(change().read({9, "z", "xxxxx"}).update({9, "y", unchanged})),
              ElementsAre("r 9|z|5", "u 9|y|5"));
}

TEST(Remember, ThatStandsFirstLetsTheSnapshotBringEveryRow) {
  const auto r = std::make_shared<const route>(large_items());
  EXPECT_NE(condition_at_source({r}), "");
  chain_at_work chain(large_items(), {transform_section("remember")});
  EXPECT_EQ(condition_at_source({std::make_shared<const route>(chain.planned())}), "");
}

schema_ptr carts() {
  return test::table("public.carts")
      .column("id", value_class::int4)
      .column("goods", value_class::jsonb)
      .column("who", value_class::text)
      .key({"id"})
      .build();
}

class Explode : public testing::Test {
 protected:
  batch_builder cart() { return batch_builder(carts()); }
  chain_at_work chain_{carts(), {transform_section("explode").set("column", {"goods"})}};
};

TEST_F(Explode, MakesARowOfEachElement) {
  EXPECT_THAT(chain_.columns(), ElementsAre("id", "goods", "who", "goods_index"));
  EXPECT_THAT(chain_.planned().key, ElementsAre(0, 3));
  EXPECT_THAT(
      chain_.run(cart().insert({1, R"(["a, b", {"n": [1, 2]}, null, 1.50])", "x"})),
      ElementsAre("i 1|a, b|x|1", "i 1|{\"n\": [1, 2]}|x|2", "i 1|NULL|x|3", "i 1|1.50|x|4"));
}

TEST_F(Explode, AnUpdateReplacesTheElements) {
  chain_.run(cart().insert({1, R"(["a", "b", "c"])", "x"}));
  EXPECT_THAT(chain_.run(cart().update({1, R"(["d"])", "y"})),
              ElementsAre("u 1|d|y|1", "d 1|-|-|2", "d 1|-|-|3"));
  EXPECT_THAT(chain_.run(cart().update({1, R"(["d", "e"])", "y"})),
              ElementsAre("u 1|d|y|1", "i 1|e|y|2"));
  EXPECT_THAT(chain_.run(cart().update({1, nullptr, "y"})), ElementsAre("d 1|-|-|1", "d 1|-|-|2"));
}

TEST_F(Explode, AnArrayThatWasLeftAloneKeepsItsElements) {
  chain_.run(cart().insert({1, R"(["a", "b"])", "x"}));
  EXPECT_THAT(chain_.run(cart().update({1, unchanged, "y"})),
              ElementsAre("u 1|~|y|1", "u 1|~|y|2"));
  EXPECT_THAT(chain_.run(cart().update({2, unchanged, "y"})), IsEmpty());
  EXPECT_THAT(chain_.asked(), ElementsAre(ElementsAre("2")));
}

TEST_F(Explode, ARowThatGoesOrMovesTakesItsElementsAlong) {
  chain_.run(cart().insert({1, R"(["a", "b"])", "x"}));
  EXPECT_THAT(chain_.run(cart().update({1, absent, absent}, {2, R"(["a"])", "x"})),
              ElementsAre("d 1|-|-|1", "d 1|-|-|2", "i 2|a|x|1"));
  EXPECT_THAT(chain_.run(cart().remove({2, absent, absent})), ElementsAre("d 2|-|-|1"));
  EXPECT_EQ(chain_.keys(0), 0U);
}

TEST_F(Explode, AValueThatIsNoArrayBecomesALetterAndTheElementsStay) {
  chain_at_work chain(carts(), {transform_section("explode").set("column", {"goods"})},
                      expression_policy::dead_letter);
  chain.run(cart().insert({1, R"(["a", "b"])", "x"}));
  EXPECT_THAT(chain.run(cart().update({1, "7", "y"}).insert({2, R"(["c"])", "x"})),
              ElementsAre("i 2|c|x|1"));
  EXPECT_THAT(chain.letters(),
              ElementsAre(R"({"id":"1"} {"id":"1","goods":"7","who":"y"}: transform explode: )"
                          "the value of column `goods` is not an array"));
  EXPECT_THAT(chain.run(cart().update({1, unchanged, "z"})), IsEmpty())
      << "those elements are not of the array that was left alone";
  EXPECT_THAT(chain.asked(), ElementsAre(ElementsAre("1")));
  EXPECT_THAT(chain.run(cart().update({1, R"(["d"])", "z"})),
              ElementsAre("u 1|d|z|1", "d 1|-|-|2"));
  EXPECT_THAT(chain.run(cart().update({1, absent, absent}, {3, "7", "y"})),
              ElementsAre("d 1|-|-|1"))
      << "the key that the row left";
  EXPECT_EQ(chain.letters().size(), 1U);
}

TEST_F(Explode, AValueThatIsNoArrayHasNoElementsWhereErrorsGiveNull) {
  chain_at_work chain(carts(), {transform_section("explode").set("column", {"goods"})},
                      expression_policy::null);
  chain.run(cart().insert({1, R"(["a"])", "x"}));
  EXPECT_THAT(chain.run(cart().update({1, "7", "y"})), ElementsAre("d 1|-|-|1"));
}

TEST_F(Explode, AMissingElementIsAskedForByTheRow) {
  EXPECT_THAT(chain_.planned().key_at_source({"7", "2"}), Optional(ElementsAre("7")));
}

TEST(ExplodeOf, BoxesIsRefused) {
  auto table = *test::table("public.maps")
                    .column("id", value_class::int4)
                    .column("areas", value_class::array)
                    .key({"id"})
                    .build();
  const auto plan = [&] {
    chain_at_work(std::make_shared<const table_schema>(table),
                  {transform_section("explode").set("column", {"areas"})});
  };
  EXPECT_NO_THROW(plan());
  table.columns[1].type = 1020;
  EXPECT_THROW(plan(), error);
}

TEST(Elements, OfJsonAndOfSql) {
  using transforms::array_elements;
  using transforms::json_elements;
  EXPECT_THAT(json_elements(" [ ] "), Optional(IsEmpty()));
  EXPECT_THAT(json_elements(R"(["]\",[", "ż"])"),
              Optional(ElementsAre(Optional(std::string("]\",[")), Optional(std::string("ż")))));
  EXPECT_EQ(json_elements("{}"), std::nullopt);
  EXPECT_EQ(json_elements(""), std::nullopt);
  EXPECT_THAT(array_elements("{}"), Optional(IsEmpty()));
  EXPECT_THAT(array_elements(R"({a,"b,\"\\",NULL,"NULL",{1,2}})"),
              Optional(ElementsAre(Optional(std::string("a")), Optional(std::string("b,\"\\")),
                                   std::nullopt, Optional(std::string("NULL")),
                                   Optional(std::string("{1,2}")))));
  EXPECT_THAT(array_elements("[0:1]={a,b}"), Optional(testing::SizeIs(2)));
}

} // namespace
} // namespace leat
