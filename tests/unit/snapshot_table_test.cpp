#include "tests/support/snapshot_table_fixture.hpp"

// Design rules R5 and R6: the way of one table through its snapshot.

namespace leat::test {

namespace {

TEST_F(SnapshotTable, WaitsUntilEveryTransactionOfBeforeItsBeginIsVisible) {
  table_.probed(probe(100, {90}));
  EXPECT_EQ(phase(), snapshot_phase::waiting);
  table_.probed(probe(120, {99}));
  EXPECT_EQ(phase(), snapshot_phase::waiting) << "99 was under way when the snapshot began";
  table_.probed(probe(120, {100}));
  EXPECT_EQ(phase(), snapshot_phase::planning);
}

TEST_F(SnapshotTable, ReadsNoChunkBeforeACheckpointThatHoldsItsBoundsIsComplete) {
  table_.probed(probe(100));
  plan(plan_split_at({"m"}), 7);
  EXPECT_EQ(number_of_next(6), 0U);
  EXPECT_EQ(number_of_next(7), 1U);
}

TEST_F(SnapshotTable, EmitsChunksInTheOrderOfTheirNumbersHoweverTheyAreRead) {
  read_in_chunks({"m"});
  const auto first = next();
  const auto of_first = last_;
  const auto second = next();
  EXPECT_EQ(read(last_, chunk_of(items(), second->number, sees_before(100), 1000, {{"p", "2"}})),
            strings{});
  EXPECT_EQ(read(of_first, chunk_of(items(), first->number, sees_before(100), 1000, {{"a", "1"}})),
            (strings{"read a 1", "end of 1", "read p 2", "end of 2"}));
  EXPECT_EQ(table_.state().rows_emitted, 2U);
}

TEST_F(SnapshotTable, ReadsNoFurtherAheadThanThereAreReaders) {
  read_in_chunks({"d", "m", "t"});
  EXPECT_EQ(number_of_next(), 1U);
  EXPECT_EQ(number_of_next(), 2U);
  EXPECT_EQ(number_of_next(), 0U);
}

TEST_F(SnapshotTable, DropsARowThatATransactionOfTheWindowHasChanged) {
  read_in_chunks({});
  const auto bounds = next();
  update("b", 150);
  EXPECT_EQ(read(last_, chunk_of(items(), bounds->number, sees_before(200, {150}), 1000,
                                 {{"a", "1"}, {"b", "old"}})),
            (strings{"read a 1", "end of 1"}));
}

TEST_F(SnapshotTable, DropsARowThatATransactionOfBeforeTheWindowHasChangedInvisibly) {
  table_.probed(probe(100));
  update("b", 150);
  plan(plan_split_at({}));
  EXPECT_EQ(read_next({{"a", "1"}, {"b", "old"}}, 1000, sees_before(200, {150})),
            (strings{"read a 1", "end of 1"}));
}

TEST_F(SnapshotTable, ReadsAChunkAgainThatDidNotCome) {
  read_in_chunks({});
  EXPECT_EQ(number_of_next(), 1U);
  table_.chunk_failed(last_);
  EXPECT_EQ(number_of_next(), 1U);
  EXPECT_EQ(read(last_, failed_chunk(chunk_failure::disconnected)), strings{});
  EXPECT_EQ(read_next({{"a", "1"}}), (strings{"read a 1", "end of 1"}));
}

TEST_F(SnapshotTable, AnAnswerToARequestThatWasGivenUpDoesNothing) {
  read_in_chunks({});
  EXPECT_EQ(number_of_next(), 1U);
  const auto given_up = last_;
  table_.chunk_failed(given_up);
  EXPECT_EQ(number_of_next(), 1U);
  EXPECT_EQ(read(given_up, chunk_of(items(), 1, sees_before(100), 1000, {{"a", "1"}})), strings{});
}

TEST_F(SnapshotTable, SplitsAChunkThatIsTooLargeAndReadsItOnceACheckpointHoldsTheNewBounds) {
  read_in_chunks({"m"});
  const auto first = next();
  const auto of_first = last_;
  const auto second = next();
  EXPECT_EQ(read(of_first, failed_chunk(chunk_failure::too_large, 0, {"d"}), 5), strings{});
  EXPECT_EQ(read(last_, chunk_of(items(), second->number, sees_before(100), 1000, {{"p", "2"}})),
            strings{})
      << "the number that it was read under is another chunk's now";
  const auto& chunks = table_.state().chunks;
  ASSERT_EQ(chunks.size(), 3U);
  EXPECT_EQ(chunks[0], (chunk_bounds{1, {}, {"d"}}));
  EXPECT_EQ(chunks[1], (chunk_bounds{2, {"d"}, {"m"}}));
  EXPECT_EQ(chunks[2], (chunk_bounds{3, {"m"}, {}}));
  EXPECT_EQ(number_of_next(4), 0U);
  EXPECT_EQ(number_of_next(5), 1U);
}

TEST_F(SnapshotTable, CutsAChunkIntoAsManyPartsAsItsReaderSays) {
  read_in_chunks({"m"});
  next();
  EXPECT_EQ(read(last_, failed_chunk(chunk_failure::too_large, 0, {"b", "d", "k"}), 5), strings{});
  EXPECT_EQ(table_.state().chunks, (std::vector<chunk_bounds>{{1, {}, {"b"}},
                                                              {2, {"b"}, {"d"}},
                                                              {3, {"d"}, {"k"}},
                                                              {4, {"k"}, {"m"}},
                                                              {5, {"m"}, {}}}));
}

TEST_F(SnapshotTable, IsFinishedWhenTheStreamHasPassedTheLastChunksHigh) {
  read_in_chunks({"m"});
  read_next({{"a", "1"}}, 2000);
  EXPECT_FALSE(table_.passed(wal_lsn{5000})) << "a chunk is still to come";
  read_next({{"p", "2"}}, 1500);
  EXPECT_EQ(phase(), snapshot_phase::passing);
  EXPECT_FALSE(table_.passed(wal_lsn{1999}));
  EXPECT_TRUE(table_.passed(wal_lsn{2000}));
  EXPECT_EQ(phase(), snapshot_phase::finished);
}

TEST_F(SnapshotTable, AnEmptyTableHasOneEmptyChunk) {
  read_in_chunks({});
  EXPECT_EQ(read_next({}), strings{"end of 1"});
  EXPECT_TRUE(table_.passed(wal_lsn{1000}));
}

TEST_F(SnapshotTable, ATableThatIsGoneIsFinished) {
  read_in_chunks({"m"});
  read_next({{"a", "1"}});
  EXPECT_EQ(number_of_next(), 2U);
  EXPECT_EQ(read(last_, failed_chunk(chunk_failure::table_gone)), strings{});
  EXPECT_TRUE(table_.gone());
  EXPECT_FALSE(table_.passed(wal_lsn{1000})) << "changes of before the drop may still come";
  table_.probed(probe(100));
  EXPECT_TRUE(table_.passed(wal_lsn{1000}));
}

TEST_F(SnapshotTable, AChunkThatCannotBePlacedIsReadAgainAfterTheNextProbe) {
  table_ = snapshot_table(items(), 1, {}, 100);
  read_in_chunks({});
  ASSERT_EQ(number_of_next(), 1U);
  for (int i = 0; i < 100; ++i) update(std::to_string(i).c_str(), 150);
  EXPECT_EQ(read(last_, chunk_of(items(), 1, sees_before(200, {150}), 1000, {{"a", "1"}})),
            strings{});
  EXPECT_EQ(number_of_next(), 0U);
  table_.probed(probe(200));
  EXPECT_EQ(read_next({{"a", "1"}}, 1000, sees_before(200)), (strings{"read a 1", "end of 1"}));
}

TEST_F(SnapshotTable, ALookUpThatCannotBePlacedIsMadeAgainAfterTheNextProbe) {
  table_ = snapshot_table(items(), 1, {}, 100);
  read_in_chunks({});
  read_next({});
  table_.add_missing("one", {.keys = {{"x"}}});
  ASSERT_TRUE(look_up().has_value());
  for (int i = 0; i < 100; ++i) update(std::to_string(i).c_str(), 150);
  EXPECT_EQ(found({{"x", "whole"}}, sees_before(200, {150})), strings{});
  EXPECT_FALSE(look_up().has_value());
  table_.probed(probe(200));
  EXPECT_TRUE(look_up().has_value());
}

/// Items, with a column more.
schema_ptr wider_items() {
  return table("public.items")
      .column("id", value_class::text)
      .column("value", value_class::text)
      .column("more", value_class::text)
      .key({"id"})
      .build();
}

TEST_F(SnapshotTable, AColumnListAheadOfTheStreamWaitsUntilTheStreamHasPassedIt) {
  read_in_chunks({});
  EXPECT_EQ(number_of_next(), 1U);
  EXPECT_EQ(read(last_, failed_chunk(chunk_failure::columns_changed, 3000)), strings{});
  EXPECT_EQ(number_of_next(), 0U);
  table_.passed(wal_lsn{2999});
  EXPECT_FALSE(table_.wants_description());
  table_.passed(wal_lsn{3000});
  EXPECT_TRUE(table_.wants_description());
  const auto t = ticket();
  table_.ask(t);
  EXPECT_FALSE(table_.wants_description());
  table_.described(t, {wider_items(), wal_lsn{4000}});
  EXPECT_EQ(number_of_next(), 0U);
  table_.passed(wal_lsn{3999});
  EXPECT_EQ(table_.take_description(), nullptr) << "the stream may still show older columns";
  table_.passed(wal_lsn{4000});
  EXPECT_FALSE(table_.wants_description());
  EXPECT_EQ(*table_.take_description(), *wider_items());
  EXPECT_EQ(table_.take_description(), nullptr);
  EXPECT_EQ(number_of_next(), 1U);
}

TEST_F(SnapshotTable, ADescriptionIsOfNoUseOnceTheStreamShowsOtherColumns) {
  describe_after_other_columns({wider_items(), wal_lsn{4000}});
  table_.change_schema(wider_items());
  table_.passed(wal_lsn{4000});
  EXPECT_EQ(table_.take_description(), nullptr);
  EXPECT_TRUE(table_.wants_description());
}

TEST_F(SnapshotTable, ATableThatIsGoneWhenItIsToBeDescribedIsSeenToBeByTheNextRead) {
  describe_after_other_columns({nullptr, wal_lsn{4000}});
  EXPECT_EQ(number_of_next(), 1U);
}

TEST_F(SnapshotTable, ARewriteEndsTheReadingUntilTheStreamHasPassedIt) {
  read_in_chunks({});
  EXPECT_EQ(number_of_next(), 1U);
  EXPECT_EQ(read(last_, failed_chunk(chunk_failure::rewritten, 3000)), strings{});
  EXPECT_EQ(number_of_next(), 0U);
  table_.passed(wal_lsn{2999});
  EXPECT_FALSE(table_.rewritten());
  table_.passed(wal_lsn{3000});
  EXPECT_TRUE(table_.rewritten());
}

TEST_F(SnapshotTable, ARestartGoesOnAtTheNextChunk) {
  read_in_chunks({"m"});
  update("p", 150);
  read_next({{"a", "1"}}, 1000, sees_before(200, {150}));
  EXPECT_EQ(number_of_next(), 2U);
  table_ = snapshot_table(items(), table_.checkpoint_state(), plenty);
  EXPECT_EQ(read_next({{"p", "old"}, {"q", "2"}}, 1000, sees_before(200, {150})),
            (strings{"read q 2", "end of 2"}))
      << "what the checkpoint remembers of the stream";
}

TEST_F(SnapshotTable, ARestartAsksAgainForBoundsThatHadNotCome) {
  table_.probed(probe(100));
  ASSERT_EQ(phase(), snapshot_phase::planning);
  table_ = snapshot_table(items(), table_.checkpoint_state(), plenty);
  EXPECT_EQ(phase(), snapshot_phase::waiting);
  EXPECT_EQ(table_.state().fence_xid, 0U) << "xids may come again: the fence is read anew";
}

TEST_F(SnapshotTable, AfterACrashOfTheSourceTheFenceIsReadAnew) {
  table_.probed(probe(100, {90}));
  table_.source_restarted();
  table_.probed(probe(95));
  EXPECT_EQ(phase(), snapshot_phase::planning);
}

TEST_F(SnapshotTable, RowsThatASinkMissesAreReadAfterTheLastChunk) {
  read_in_chunks({});
  table_.add_missing("one", {.keys = {{"x"}}});
  EXPECT_FALSE(look_up().has_value());
  read_next({});
  EXPECT_EQ(phase(), snapshot_phase::reading);
  const auto lookup = look_up();
  ASSERT_TRUE(lookup.has_value());
  EXPECT_EQ(lookup->sink, "one");
  EXPECT_EQ(lookup->keys, std::vector<strings>{{"x"}});
  EXPECT_EQ(found({{"x", "whole"}}, sees_before(100)), (strings{"read x whole", "end of 0"}));
  EXPECT_FALSE(table_.misses("one"));
  EXPECT_EQ(phase(), snapshot_phase::passing);
}

TEST_F(SnapshotTable, ALookedUpRowThatThePassedStreamHasChangedIsLookedUpOnceMore) {
  read_in_chunks({});
  read_next({});
  table_.add_missing("one", {.keys = {{"x"}}});
  ASSERT_TRUE(look_up().has_value());
  update("x", 150);
  EXPECT_EQ(found({{"x", "old"}}, sees_before(200, {150})), strings{"end of 0"});
  EXPECT_TRUE(table_.misses("one"));
  EXPECT_FALSE(look_up().has_value()) << "not before a later snapshot may see the change";
  table_.probed(probe(200));
  EXPECT_EQ(look_up()->keys, std::vector<strings>{{"x"}});
  EXPECT_EQ(found({{"x", "whole"}}, sees_before(200)), (strings{"read x whole", "end of 0"}));
  EXPECT_FALSE(table_.misses("one"));
}

TEST_F(SnapshotTable, AKeyThatIsNotFoundIsLookedUpUntilWhatHasPassedIsVisible) {
  read_in_chunks({});
  read_next({});
  update("y", 150);
  table_.add_missing("one", {.keys = {{"x"}}});
  ASSERT_TRUE(look_up().has_value());
  EXPECT_EQ(found({}, sees_before(200, {150})), strings{"end of 0"});
  EXPECT_TRUE(table_.misses("one")) << "150 may bring it";
  table_.probed(probe(200));
  ASSERT_TRUE(look_up().has_value());
  EXPECT_EQ(found({}, sees_before(200)), strings{"end of 0"});
  EXPECT_FALSE(table_.misses("one")) << "it does not exist";
}

TEST_F(SnapshotTable, KeysWhoseRowsAreTooLargeTogetherAreLookedUpInSmallerGroups) {
  finish();
  std::vector<strings> keys;
  for (int i = 0; i < 500; ++i) keys.push_back({std::to_string(i)});
  table_.add_missing("one", {.keys = keys});
  table_.probed(probe(100));
  EXPECT_EQ(look_up()->keys.size(), 500U);
  EXPECT_EQ(said(table_.keys_read(last_, failed_chunk(chunk_failure::too_large))), strings{});
  EXPECT_EQ(look_up()->keys.size(), 250U);
}

TEST_F(SnapshotTable, RowsThatAreMissedAfterTheSnapshotWaitForAFenceAndCountForTheirSinkAlone) {
  finish();
  table_.add_missing("one", {.keys = {{"x"}}});
  EXPECT_EQ(phase(), snapshot_phase::waiting);
  EXPECT_FALSE(look_up().has_value());
  table_.probed(probe(300, {250}));
  table_.probed(probe(301, {250}));
  EXPECT_FALSE(look_up().has_value());
  table_.probed(probe(301));
  ASSERT_TRUE(look_up().has_value());
  EXPECT_EQ(found({{"x", "whole"}}, sees_before(301)), (strings{"read x whole", "end of 0"}));
  EXPECT_EQ(table_.state().sinks, strings{"one"});
  EXPECT_TRUE(table_.passed(wal_lsn{2000}));
}

TEST_F(SnapshotTable, ATableThatIsMissedAsAWholeIsReadAgainWhenNothingOfItIsUnderWay) {
  finish();
  table_.add_missing("one", {.keys = {{"x"}}});
  table_.add_missing("one", {.whole = true, .keys = {}});
  table_.add_missing("one", {.keys = {{"y"}}});
  EXPECT_TRUE(table_.missing().at("one").whole());
  EXPECT_FALSE(table_.missing().at("one").has_keys());
  EXPECT_EQ(phase(), snapshot_phase::waiting) << "a key was asked for before";
  EXPECT_EQ(table_.take_wholly_missing(), strings{});
  table_.probed(probe(300));
  table_.probed(probe(300));
  EXPECT_FALSE(look_up().has_value());
  table_.passed(wal_lsn{2000});
  EXPECT_FALSE(table_.consistent("one"));
  EXPECT_EQ(table_.take_wholly_missing(), strings{"one"});
  EXPECT_EQ(table_.take_wholly_missing(), strings{});
}

TEST_F(SnapshotTable, KeysThatAreGivenUpWhileTheyAreLookedUpLeaveTheTableMissing) {
  miss_after_the_end({{"x"}, {"y"}});
  ASSERT_EQ(look_up()->keys.size(), 2U);
  table_.add_missing("one", {.whole = true, .keys = {}});
  EXPECT_EQ(found({{"x", "whole"}}, sees_before(301)), strings{});
  table_.passed(wal_lsn{2000});
  EXPECT_EQ(table_.take_wholly_missing(), strings{"one"});
}

TEST_F(SnapshotTable, WhatOneSinkMissesOutlivesASnapshotForAnother) {
  miss_after_the_end({{"x"}, {"y"}});
  ASSERT_EQ(look_up()->keys.size(), 2U);
  EXPECT_EQ(found({{"x", "whole"}, {"y", "whole"}}, sees_before(301)),
            (strings{"read x whole", "read y whole", "end of 0"}));
  snapshot_table next(items(), 2, {"two"}, plenty);
  next.take_over(table_);
  EXPECT_FALSE(next.consistent("one")) << "the stream has not passed the rows' H";
  next.passed(wal_lsn{2000});
  EXPECT_TRUE(next.consistent("one"));
}

TEST_F(SnapshotTable, OtherColumnsGiveUpWhatIsBeingRead) {
  read_in_chunks({});
  EXPECT_EQ(number_of_next(), 1U);
  const auto wider = table("public.items")
                         .column("id", value_class::text)
                         .column("name", value_class::text)
                         .column("more", value_class::text)
                         .key({"id"})
                         .build();
  table_.change_schema(wider);
  EXPECT_EQ(read(last_, chunk_of(items(), 1, sees_before(100), 1000, {{"a", "1"}})), strings{});
  EXPECT_EQ(number_of_next(), 1U);
}

TEST(TakesPart, ASnapshotForNobodyInParticularIsForAll) {
  EXPECT_TRUE(takes_part("one", "items", {}));
}

TEST(TakesPart, ASinkOrATargetOfItIsNamed) {
  EXPECT_TRUE(takes_part("one", "items", {"two", "one"}));
  EXPECT_TRUE(takes_part("one", "items", {"one/items"}));
  EXPECT_FALSE(takes_part("one", "items", {"one/others", "two/items"}));
  EXPECT_FALSE(takes_part("one", "items", {"one_more", "on"}));
}

} // namespace

} // namespace leat::test
