#include "dataflow/fold.hpp"

#include <map>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "dataflow/error.hpp"
#include "tests/support/batch_builder.hpp"

namespace leat {
namespace {

using test::absent;
using test::row;
using test::unchanged;

/// What a flush would do, key by key, in words: "upsert 1 a b", "partial 1 a ~", "moved 2<1 a ~".
class Fold : public testing::Test {
 protected:
  schema_ptr items = test::table("public.items")
                         .column("id", value_class::int4)
                         .column("name", value_class::text)
                         .column("body", value_class::text)
                         .key({"id"})
                         .build();
  route plain = test::route_of(items);

  test::batch_builder changes() { return test::batch_builder(items); }
  row key(int id) { return {id, absent, absent}; }

  std::vector<std::string> fold_of(test::batch_builder builder, bool consistent = true) {
    return fold_of(std::vector{builder.build()}, consistent);
  }
  std::vector<std::string> fold_of(const std::vector<batch_ptr>& batches, bool consistent = true) {
    fold folded(test::share(plain));
    folded.set_settled(consistent);
    for (const auto& b : batches) folded.add(b, all_changes(*b));
    std::vector<std::string> said;
    if (folded.truncated()) said.push_back("truncate");
    for (const auto& e : folded.entries()) said.push_back(describe(folded, e));
    return said;
  }

  std::string describe(const fold& f, const fold_entry& e) {
    const std::map<fold_kind, std::string> words{{fold_kind::removed, "removed"},
                                                 {fold_kind::upsert, "upsert"},
                                                 {fold_kind::partial, "partial"},
                                                 {fold_kind::moved, "moved"},
                                                 {fold_kind::lost, "lost"}};
    auto text = words.at(e.kind) + " " + std::string(f.key_text(e.key, 0));
    if (e.kind == fold_kind::moved) text += "<" + std::string(f.key_text(e.base, 0));
    if (e.kind != fold_kind::removed && e.kind != fold_kind::lost)
      for (std::size_t i = 1; i < items->columns.size(); ++i) text += " " + cell_of(f, e, i);
    return e.deleted ? text + " deleted" : text;
  }

  static std::string cell_of(const fold& f, const fold_entry& e, std::size_t i) {
    switch (f.state(e, i)) {
    case cell_state::null:
      return "NULL";
    case cell_state::value:
      return std::string(f.text(e, i));
    default:
      return "~";
    }
  }
};

using testing::ElementsAre;
using testing::UnorderedElementsAre;

TEST_F(Fold, KeepsTheLatestRowOfAKey) {
  EXPECT_THAT(fold_of(changes().insert({1, "a", "x"}).update({1, "b", nullptr})),
              ElementsAre("upsert 1 b NULL"));
}

TEST_F(Fold, TakesUnchangedCellsFromTheLatestValueThatCame) {
  EXPECT_THAT(fold_of(changes().insert({1, "a", "x"}).update({1, "b", unchanged})),
              ElementsAre("upsert 1 b x"));
  EXPECT_THAT(fold_of(changes().update({1, "a", unchanged}).update({1, "b", unchanged})),
              ElementsAre("partial 1 b ~"));
  EXPECT_THAT(fold_of(changes().update({1, "a", unchanged}).update({1, unchanged, "y"})),
              ElementsAre("upsert 1 a y"));
}

TEST_F(Fold, AnInsertThatDidNotComeWholeIsReadAtTheSourceWhateverTheTargetHolds) {
  const row entered{1, "a", unchanged};
  EXPECT_THAT(fold_of(changes().insert(entered)), ElementsAre("lost 1"));
  EXPECT_THAT(fold_of(changes().insert({1, "a", "x"}).remove(key(1)).insert(entered)),
              ElementsAre("lost 1"));
  EXPECT_THAT(fold_of(changes().insert(entered).update({1, "b", unchanged})),
              ElementsAre("lost 1"));
  EXPECT_THAT(fold_of(changes().insert(entered).update({1, "b", "y"})),
              ElementsAre("upsert 1 b y"));
  plain.removal = delete_mode::soft;
  EXPECT_THAT(fold_of(changes().insert({1, "a", "x"}).remove(key(1)).insert(entered)),
              ElementsAre("lost 1"));
}

TEST_F(Fold, AFullRowAfterAPartialOneIsAnUpsert) {
  EXPECT_THAT(fold_of(changes().update({1, "a", unchanged}).update({1, "b", "y"})),
              ElementsAre("upsert 1 b y"));
}

TEST_F(Fold, ADeleteAndAReinsertAreOneUpsert) {
  EXPECT_THAT(fold_of(changes().remove(key(1)).insert({1, "b", "y"})), ElementsAre("upsert 1 b y"));
}

TEST_F(Fold, ADeleteAfterAPartialRowIsADelete) {
  EXPECT_THAT(fold_of(changes().update({1, "a", unchanged}).remove(key(1))),
              ElementsAre("removed 1"));
}

TEST_F(Fold, AMoveRemovesTheOldKey) {
  EXPECT_THAT(fold_of(changes().update(key(1), {2, "a", "x"})),
              UnorderedElementsAre("removed 1", "upsert 2 a x"));
}

TEST_F(Fold, AMoveWithUnchangedCellsNamesTheKeyAtTheTarget) {
  EXPECT_THAT(
      fold_of(changes().update(key(1), {2, "a", unchanged}).update(key(2), {3, "b", unchanged})),
      UnorderedElementsAre("removed 1", "removed 2", "moved 3<1 b ~"));
}

TEST_F(Fold, AMoveCarriesWhatCameBefore) {
  EXPECT_THAT(fold_of(changes().insert({1, "a", "x"}).update(key(1), {2, "b", unchanged})),
              UnorderedElementsAre("removed 1", "upsert 2 b x"));
  EXPECT_THAT(fold_of(changes().update({1, unchanged, "x"}).update(key(1), {2, "b", unchanged})),
              UnorderedElementsAre("removed 1", "upsert 2 b x"));
}

TEST_F(Fold, ASwapThroughAThirdKeyKeepsBothBases) {
  EXPECT_THAT(fold_of(changes()
                          .update(key(1), {-1, "a", unchanged})
                          .update(key(2), {1, "b", unchanged})
                          .update(key(-1), {2, "a", unchanged})),
              UnorderedElementsAre("removed -1", "moved 1<2 b ~", "moved 2<1 a ~"));
}

TEST_F(Fold, AMoveThereAndBackIsAPartialRowAgain) {
  EXPECT_THAT(
      fold_of(changes().update(key(1), {2, "a", unchanged}).update(key(2), {1, "b", unchanged})),
      UnorderedElementsAre("removed 2", "partial 1 b ~"));
}

TEST_F(Fold, AnInsertOnAKeyThatIsABaseLeavesTheBaseAlone) {
  EXPECT_THAT(fold_of(changes().update(key(1), {2, "a", unchanged}).insert({1, "new", "n"})),
              UnorderedElementsAre("upsert 1 new n", "moved 2<1 a ~"));
}

TEST_F(Fold, ATruncateForgetsWhatCameBefore) {
  EXPECT_THAT(fold_of(changes().insert({1, "a", "x"}).truncate().insert({2, "b", "y"})),
              ElementsAre("truncate", "upsert 2 b y"));
}

TEST_F(Fold, UnchangedCellsAfterATruncateAreKnownNowhere) {
  EXPECT_THAT(fold_of(changes().truncate().update({1, "a", unchanged})),
              ElementsAre("truncate", "lost 1"));
  EXPECT_THAT(fold_of(changes().truncate().update(key(1), {2, "a", unchanged})),
              UnorderedElementsAre("truncate", "removed 1", "lost 2"));
}

TEST_F(Fold, WhileASnapshotRunsAMoveDoesNotTrustTheTarget) {
  EXPECT_THAT(fold_of(changes().update(key(1), {2, "a", unchanged}), false),
              UnorderedElementsAre("removed 1", "lost 2"));
}

TEST_F(Fold, WhileASnapshotRunsAMoveTrustsTheStream) {
  EXPECT_THAT(fold_of(changes().insert({1, "a", "x"}).update(key(1), {2, "b", unchanged}), false),
              UnorderedElementsAre("removed 1", "upsert 2 b x"));
}

TEST_F(Fold, AMoveDoesNotTakeCellsOfAChunk) {
  EXPECT_THAT(fold_of(changes().read({1, "a", "x"}).update(key(1), {2, "b", unchanged})),
              UnorderedElementsAre("removed 1", "lost 2"));
  EXPECT_THAT(fold_of(changes().read({1, "a", "x"}).update({1, "b", unchanged})),
              ElementsAre("upsert 1 b x"));
}

TEST_F(Fold, AFullOldRowFillsUnchangedCells) {
  EXPECT_THAT(fold_of(changes().update({1, "a", "x"}, {1, "b", unchanged}, old_row_kind::full)),
              ElementsAre("upsert 1 b x"));
  EXPECT_THAT(fold_of(changes().update({1, "a", "x"}, {2, "b", unchanged}, old_row_kind::full)),
              UnorderedElementsAre("removed 1", "upsert 2 b x"));
}

TEST_F(Fold, UnchangedCellsOfColumnsThatARouteLeavesOutDoNotMatter) {
  plain.columns.pop_back();
  EXPECT_THAT(fold_of(changes().update({1, "a", unchanged})), ElementsAre("upsert 1 a ~"));
}

TEST_F(Fold, AnUnchangedKeyCellIsThatOfTheOldRow) {
  const auto toasted = test::table("t")
                           .column("id", value_class::text)
                           .column("name", value_class::text)
                           .column("body", value_class::text)
                           .key({"id"})
                           .build();
  items = toasted;
  plain = test::route_of(items);
  EXPECT_THAT(fold_of(changes().update({"k", absent, absent}, {unchanged, "a", "b"})),
              ElementsAre("upsert k a b"));
}

TEST_F(Fold, RefusesANullKey) {
  EXPECT_THROW(fold_of(changes().insert({nullptr, "a", "x"})), error);
}

TEST_F(Fold, DeleteModeIgnoreDropsDeletesButMovesKeys) {
  plain.removal = delete_mode::ignore;
  EXPECT_THAT(fold_of(changes().insert({1, "a", "x"}).remove(key(1)).truncate()),
              ElementsAre("upsert 1 a x"));
  EXPECT_THAT(fold_of(changes().update(key(1), {2, "a", "x"})),
              UnorderedElementsAre("removed 1", "upsert 2 a x"));
}

TEST_F(Fold, DeleteModeSoftKeepsTheLastRow) {
  plain.removal = delete_mode::soft;
  EXPECT_THAT(fold_of(changes().insert({1, "a", "x"}).remove(key(1))),
              ElementsAre("upsert 1 a x deleted"));
  EXPECT_THAT(fold_of(changes().insert({1, "a", "x"}).truncate()),
              ElementsAre("truncate", "upsert 1 a x deleted"));
  EXPECT_THAT(fold_of(changes().insert({1, "a", "x"}).remove(key(1)).insert({1, "b", "y"})),
              ElementsAre("upsert 1 b y"));
}

TEST_F(Fold, KeysOfSeveralColumnsAreToldApartByTheirParts) {
  items = test::table("t")
              .column("a", value_class::text)
              .column("b", value_class::text)
              .column("c", value_class::text)
              .key({"a", "b"})
              .build();
  plain = test::route_of(items);
  fold folded(test::share(plain));
  const auto b = changes().insert({"xy", "z", "1"}).insert({"x", "yz", "2"}).build();
  folded.add(b, all_changes(*b));
  ASSERT_EQ(folded.entries().size(), 2U);
  EXPECT_THAT(folded.key(folded.entries()[1].key), ElementsAre("x", "yz"));
}

TEST_F(Fold, HoldsThousandsOfKeysOverManyBatches) {
  std::vector<batch_ptr> batches;
  for (int round = 0; round < 10; ++round) {
    auto builder = changes();
    for (int id = 0; id < 5000; ++id) builder.insert({id, "round" + std::to_string(round), "x"});
    batches.push_back(builder.build());
  }
  const auto said = fold_of(batches);
  ASSERT_EQ(said.size(), 5000U);
  EXPECT_EQ(said[4999], "upsert 4999 round9 x");
}

TEST_F(Fold, SaysWhatItKeepsAliveAndLetsItGo) {
  fold folded(test::share(plain));
  auto b = changes().insert({1, std::string(100'000, 'a'), "x"}).build();
  const std::weak_ptr<const batch> alive = b;
  folded.add(b, all_changes(*b));
  b.reset();
  EXPECT_GE(folded.retained(), 100'000U);
  EXPECT_FALSE(alive.expired());
  folded.clear();
  EXPECT_TRUE(alive.expired());
  EXPECT_TRUE(folded.empty());
  EXPECT_LT(folded.retained(), 1000U);
}

TEST_F(Fold, IsMostlyNewWhileInsertsAndRowsOfChunksPrevail) {
  fold folded(test::share(plain));
  const auto add = [&](test::batch_builder b) {
    const auto built = b.build();
    folded.add(built, all_changes(*built));
  };
  EXPECT_FALSE(folded.mostly_new());
  for (int id = 0; id < 7; ++id) add(changes().read({id, "a", "x"}));
  EXPECT_TRUE(folded.mostly_new());
  add(changes().update({1, "b", "x"}));
  EXPECT_TRUE(folded.mostly_new());
  add(changes().update({1, "c", "x"}));
  EXPECT_FALSE(folded.mostly_new());
  folded.clear();
  add(changes().update({1, "c", "x"}));
  EXPECT_FALSE(folded.mostly_new());
}

TEST_F(Fold, WhatIsHandedOverIsReadElsewhereAndGoesOnEmpty) {
  fold folded(test::share(plain));
  fold taken(test::share(plain));
  const auto first = changes().insert({1, "a", "x"}).build();
  folded.add(first, all_changes(*first));
  folded.hand_over(taken);
  EXPECT_TRUE(folded.empty());
  const auto second = changes().insert({1, "b", "y"}).build();
  folded.add(second, all_changes(*second));
  ASSERT_EQ(taken.entries().size(), 1U);
  EXPECT_EQ(taken.text(taken.entries()[0], 1), "a");
  ASSERT_EQ(folded.entries().size(), 1U);
  EXPECT_EQ(folded.text(folded.entries()[0], 1), "b");
}

TEST_F(Fold, KeysThatWereReadAreKnownAfterAHandOver) {
  fold folded(test::share(plain));
  fold taken(test::share(plain));
  const auto read = changes().read({1, "a", "x"}).build();
  folded.add(read, all_changes(*read));
  folded.hand_over(taken);
  const auto moved = changes().update({1, absent, absent}, {2, "b", unchanged}).build();
  folded.add(moved, all_changes(*moved));
  EXPECT_EQ(folded.entries()[1].kind, fold_kind::lost);
}

} // namespace
} // namespace leat
