#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "dataflow/error.hpp"
#include "tests/support/chain_at_work.hpp"

// Transforms that make a value of a value: mask, hash, rename, flatten.

namespace leat {
namespace {

using test::absent;
using test::batch_builder;
using test::chain_at_work;
using test::hash_of;
using test::mask_of;
using test::transform_section;
using test::unchanged;
using testing::ElementsAre;
using testing::HasSubstr;

schema_ptr people() {
  return test::table("public.people")
      .column("id", value_class::int4)
      .column("email", value_class::text)
      .column("note", value_class::text)
      .key({"id"})
      .build();
}

std::string masked(const transform_section& section, const std::string& email) {
  chain_at_work chain(people(), {section});
  return chain.run(batch_builder(people()).insert({1, email, nullptr})).at(0);
}

template <class Work>
std::string refusal(Work work) {
  try {
    work();
  } catch (const error& e) {
    return std::string(e.what()) + " | " + e.where() + " | " + e.remedy();
  }
  return "nothing is refused";
}

TEST(Mask, HidesByItsMethod) {
  EXPECT_EQ(masked(mask_of({"email"}, "fixed"), "ada@example.com"), "i 1|*|NULL");
  EXPECT_EQ(masked(mask_of({"email"}, "keep_last"), "4111222233334444"),
            "i 1|************4444|NULL");
  EXPECT_EQ(masked(mask_of({"email"}, "email"), "ada@example.com"), "i 1|a**@example.com|NULL");
  EXPECT_EQ(masked(mask_of({"email"}, "pattern")
                       .set("pattern", {"([0-9]{2})[0-9]+"})
                       .set("replacement", {"\\1xx"}),
                   "call 5551234 or 99"),
            "i 1|call 55xx or 99|NULL");
}

TEST(Mask, ShowsNothingOfAValueThatIsNoLongerThanWhatItKeeps) {
  EXPECT_EQ(masked(mask_of({"email"}, "keep_last"), "1234"), "i 1|****|NULL");
  EXPECT_EQ(masked(mask_of({"email"}, "email"), "a@b.c"), "i 1|*@b.c|NULL");
  EXPECT_EQ(masked(mask_of({"email"}, "email"), "no address"), "i 1|**********|NULL");
}

TEST(Mask, CountsCharactersNotBytes) {
  EXPECT_EQ(masked(mask_of({"email"}, "keep_last").set("keep", {"2"}), "Гай Юлий"),
            "i 1|******ий|NULL");
}

TEST(Mask, LeavesNullAndUnchangedValuesAndMasksOldRows) {
  chain_at_work chain(people(), {mask_of({"email"}, "fixed")});
  EXPECT_THAT(chain.run(batch_builder(people())
                            .insert({1, nullptr, "n"})
                            .update({1, unchanged, "m"})
                            .update({1, "old", "m"}, {2, "new", "m"}, old_row_kind::full)
                            .remove({2, absent, absent})),
              ElementsAre("i 1|NULL|n", "u 1|~|m", "u 2|*|m <- 1|*|m", "d 2|-|-"));
}

TEST(Mask, OfAColumnThatIsNotThereNamesTheNearest) {
  EXPECT_THAT(
      refusal([] { chain_at_work(people(), {mask_of({"emial"}, "fixed")}); }),
      HasSubstr("there is no column `emial` | transform mask, columns | did you mean `email`?"));
}

TEST(Mask, RefusesAnExpressionThatIsNone) {
  EXPECT_THAT(refusal([] { masked(mask_of({"email"}, "pattern").set("pattern", {"("}), "a"); }),
              HasSubstr("the expression is not one"));
}

TEST(Hash, GivesEqualPseudonymsForEqualValuesOfAllTables) {
  chain_at_work one(people(), {hash_of({"email", "note"})});
  const auto lines =
      one.run(batch_builder(people()).insert({1, "ada", "ada"}).insert({2, "ada", "b"}));
  const auto first = lines.at(0).substr(4, 16);
  EXPECT_EQ(lines.at(0), "i 1|" + first + "|" + first);
  EXPECT_THAT(lines.at(1), HasSubstr("i 2|" + first + "|"));
  EXPECT_THAT(lines.at(1), testing::Not(HasSubstr("|" + first + "|" + first)));
  EXPECT_EQ(first, "655fa36f3dc5e13c") << "HMAC-SHA-256, as everybody computes it";
}

TEST(Hash, WithAnotherSaltIsAnotherRouteAndDoesNotTellTheSalt) {
  const auto one = transforms::make_built_in(hash_of({"email"}, "salt number one").options());
  const auto two = transforms::make_built_in(hash_of({"email"}, "salt number two").options());
  EXPECT_NE(one->fingerprint(), two->fingerprint());
  EXPECT_EQ(one->text(), two->text());
  EXPECT_THAT(one->fingerprint(), testing::Not(HasSubstr("number one")));
}

TEST(Hash, OfAKeyMovesAndRemovesRowsByThePseudonym) {
  auto table = test::table("public.people")
                   .column("id", value_class::int4)
                   .column("age", value_class::int4)
                   .key({"id"})
                   .build();
  chain_at_work chain(table, {hash_of({"id"})});
  const auto inserted = chain.run(batch_builder(table).insert({1, 30}).insert({2, 30}));
  const auto one = inserted.at(0).substr(2, 16);
  const auto two = inserted.at(1).substr(2, 16);
  EXPECT_THAT(chain.run(batch_builder(table).update({1, absent}, {2, 31}).remove({2, absent})),
              ElementsAre("u " + two + "|31 <- " + one + "|-", "d " + two + "|-"));
}

TEST(Hash, OfAKeyAsksForRowsThatDidNotComeWhole) {
  chain_at_work chain(people(), {hash_of({"id"})});
  const auto lines =
      chain.run(batch_builder(people()).insert({1, "a", "b"}).update({1, "a", unchanged}));
  EXPECT_EQ(lines.at(1), "d " + lines.at(0).substr(2, 16) + "|a|-");
  EXPECT_THAT(chain.asked(), ElementsAre(ElementsAre("1")));
  EXPECT_FALSE(chain.planned().key_at_source({"x"}).has_value());
}

TEST(Rename, ByExpressionAndCase) {
  auto table = test::table("public.t")
                   .column("OrderID", value_class::int4)
                   .column("col_HTTPServer2", value_class::text)
                   .column("Größe cm", value_class::text)
                   .key({"OrderID"})
                   .build();
  chain_at_work chain(table, {transform_section("rename")
                                  .set("case", {"snake"})
                                  .set("pattern", {"^col_"})
                                  .set("replacement", {""})});
  EXPECT_THAT(chain.columns(), ElementsAre("order_id", "http_server2", "größe_cm"));
  EXPECT_THAT(chain.planned().key_at_source({"7"}), testing::Optional(ElementsAre("7")));
}

TEST(Rename, ToOneNameTwiceIsRefused) {
  auto table = test::table("public.t")
                   .column("a", value_class::int4)
                   .column("A", value_class::text)
                   .key({"a"})
                   .build();
  EXPECT_THAT(
      refusal([&] { chain_at_work(table, {transform_section("rename").set("case", {"lower"})}); }),
      HasSubstr("it leaves two columns called `a` | transform rename"));
}

schema_ptr documents() {
  return test::table("public.documents")
      .column("id", value_class::int4)
      .column("doc", value_class::jsonb)
      .column("n", value_class::int4)
      .key({"id"})
      .build();
}

transform_section flattened(std::vector<std::string> fields) {
  return transform_section("flatten").set("column", {"doc"}).set("fields", std::move(fields));
}

TEST(Flatten, MakesColumnsOfMembers) {
  chain_at_work chain(documents(), {flattened({"city", "a.b", "total=sum::numeric(9,2)"})});
  EXPECT_THAT(chain.columns(), ElementsAre("id", "n", "doc_city", "doc_a_b", "total"));
  EXPECT_EQ(chain.planned().schema->columns[4].kind, value_class::numeric);
  EXPECT_THAT(
      chain.run(batch_builder(documents())
                    .insert({1, R"({"city": "Żywiec \"x\"", "a": {"b": [1, 2]}, "sum": 1.5})", 3})
                    .insert({2, R"({"city": null, "sum": 123456789012345678e-12})", 4})
                    .insert({3, nullptr, 5})
                    .update({3, unchanged, 6})),
      ElementsAre("i 1|3|Żywiec \"x\"|[1, 2]|1.50", "i 2|4|NULL|NULL|123456.79",
                  "i 3|5|NULL|NULL|NULL", "u 3|6|~|~|~"));
}

TEST(Flatten, ThatCannotStopsWithTheRow) {
  chain_at_work chain(documents(), {flattened({"sum::int"})});
  EXPECT_THAT(refusal([&] {
                chain.run(batch_builder(documents()).insert({7, R"({"sum": "many"})", 3}));
              }),
              testing::AllOf(HasSubstr("many"), HasSubstr("row id = 7")));
}

TEST(Flatten, ThatCannotMakesALetterWhereTheRouteSaysSo) {
  chain_at_work chain(documents(), {flattened({"sum::int"})}, expression_policy::dead_letter);
  EXPECT_THAT(chain.run(batch_builder(documents())
                            .insert({1, R"({"sum": "many"})", 3})
                            .insert({2, R"({"sum": 5})", 4})
                            .update({2, absent, absent}, {3, R"({"sum": "x"})", 4})
                            .update({1, R"({"sum": "many"})", 3}, {1, R"({"sum": 6})", 3},
                                    old_row_kind::full)
                            .remove({1, R"({"sum": "y"})", 3}, old_row_kind::full)),
              ElementsAre("i 2|4|5", "d 2|-|-", "u 1|3|6 <- 1|3|-", "d 1|3|-"))
      << "the key that a row left is removed, and old rows are not judged again";
  EXPECT_THAT(chain.letters(),
              ElementsAre(HasSubstr(R"({"id":"1"} {"id":"1","doc":"{\"sum\": \"many\"}","n":"3"}: )"
                                    "transform flatten: invalid input syntax for type integer"),
                          HasSubstr(R"({"id":"3"} )")));
}

TEST(Flatten, ThatCannotGivesNullWhereTheRouteSaysSo) {
  chain_at_work chain(documents(), {flattened({"sum::int"})}, expression_policy::null);
  EXPECT_THAT(chain.run(batch_builder(documents()).insert({1, R"({"sum": "many"})", 3})),
              ElementsAre("i 1|3|NULL"));
}

} // namespace
} // namespace leat
