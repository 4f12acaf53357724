#include "plugins/sqlite/sink.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "dataflow/error.hpp"
#include "tests/support/batch_builder.hpp"
#include "tests/support/sqlite_fixture.hpp"

namespace leat::sqlite {
namespace {

using test::absent;
using test::row;
using test::text_rows;
using test::unchanged;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

class SqliteUpsert : public test::sqlite_fixture {
 protected:
  SqliteUpsert() { attach_items(); }
  row key(int id) { return {id, absent, absent}; }
  text_rows rows() { return query("SELECT id, name, body FROM items ORDER BY id"); }
};

TEST_F(SqliteUpsert, AppliesInsertsUpdatesAndDeletes) {
  write(changes().insert({1, "a", "x"}).insert({2, "b", "y"}).insert({3, "c", "z"}));
  commit(1);
  write(changes().update({1, "A", nullptr}).remove(key(2)));
  commit(2);
  EXPECT_THAT(rows(), ElementsAre(ElementsAre("1", "A", std::nullopt), ElementsAre("3", "c", "z")));
}

TEST_F(SqliteUpsert, AnEpochIsVisibleOnlyWhenCommitted) {
  write(changes().insert({1, "a", "x"}));
  flush();
  EXPECT_THAT(rows(), IsEmpty());
  commit(1);
  EXPECT_THAT(rows(), SizeIs(1));
}

TEST_F(SqliteUpsert, WhatWasNotCommittedIsGoneAfterACrash) {
  write_first_row();
  write(changes().insert({2, "b", "y"}));
  flush();
  const auto found = reopen();
  EXPECT_EQ(found->epoch, 1U);
  EXPECT_THAT(rows(), SizeIs(1));
}

TEST_F(SqliteUpsert, APartialRowUpdatesTheColumnsThatCame) {
  write_first_row();
  write(changes().update({1, "b", unchanged}));
  EXPECT_THAT(commit(2), IsEmpty());
  EXPECT_THAT(rows(), ElementsAre(ElementsAre("1", "b", "x")));
}

TEST_F(SqliteUpsert, APartialRowThatIsNotThereIsMissingAndNeverInserted) {
  write(changes().update({7, "b", unchanged}));
  EXPECT_THAT(commit(1), ElementsAre(std::vector<std::string>{"7"}));
  EXPECT_THAT(rows(), IsEmpty());
  write(changes().update({7, unchanged, unchanged}));
  EXPECT_THAT(commit(2), ElementsAre(std::vector<std::string>{"7"}));
}

TEST_F(SqliteUpsert, AKeyMoveTakesUnchangedCellsFromTheTarget) {
  write_first_row();
  write(changes().update(key(1), {2, "b", unchanged}));
  EXPECT_THAT(commit(2), IsEmpty());
  EXPECT_THAT(rows(), ElementsAre(ElementsAre("2", "b", "x")));
}

TEST_F(SqliteUpsert, TwoKeysSwapWithTheirUnchangedCells) {
  write(changes().insert({1, "a", "x"}).insert({2, "b", "y"}));
  commit(1);
  write(changes()
            .update(key(1), {-1, "a", unchanged})
            .update(key(2), {1, "b", unchanged})
            .update(key(-1), {2, "a", unchanged}));
  EXPECT_THAT(commit(2), IsEmpty());
  EXPECT_THAT(rows(), ElementsAre(ElementsAre("1", "b", "y"), ElementsAre("2", "a", "x")));
}

TEST_F(SqliteUpsert, AKeyMoveWhoseRowIsNotThereIsMissing) {
  write(changes().insert({2, "old", "x"}));
  commit(1);
  write(changes().update(key(1), {2, "b", unchanged}));
  EXPECT_THAT(commit(2), ElementsAre(std::vector<std::string>{"2"}));
  EXPECT_THAT(rows(), IsEmpty());
}

TEST_F(SqliteUpsert, WhileASnapshotRunsAKeyMoveDoesNotReadTheTarget) {
  write_first_row();
  route_writer().begin_snapshot(1);
  write(changes().update(key(1), {2, "b", unchanged}));
  EXPECT_THAT(commit(2), ElementsAre(std::vector<std::string>{"2"}));
  EXPECT_THAT(rows(), IsEmpty());
  route_writer().finish_snapshot(1);
  write(changes().insert({1, "a", "x"}));
  commit(3);
  write(changes().update(key(1), {2, "b", unchanged}));
  EXPECT_THAT(commit(4), IsEmpty());
}

TEST_F(SqliteUpsert, UntilTheStreamHasPassedARowThatWasReadAKeyMoveDoesNotReadTheTarget) {
  write_first_row();
  write(changes().read({3, "later", "z"}));
  commit(2, false);
  write(changes().update(key(3), {4, "b", unchanged}));
  EXPECT_THAT(commit(3, false), ElementsAre(std::vector<std::string>{"4"}));
  route_writer().finish_snapshot(1);
  write(changes().update(key(1), {2, "b", unchanged}));
  EXPECT_THAT(commit(4), IsEmpty());
}

TEST_F(SqliteUpsert, TheRunningSnapshotIsRememberedOverARestart) {
  write(changes().insert({1, "a", "x"}));
  route_writer().begin_snapshot(1);
  commit(1, false);
  restart();
  write(changes().update(key(1), {2, "b", unchanged}));
  EXPECT_THAT(commit(2), SizeIs(1));
}

TEST_F(SqliteUpsert, ATruncateEmptiesTheTableFirst) {
  write_first_row();
  write(changes().insert({2, "b", "y"}).truncate().insert({3, "c", "z"}));
  commit(2);
  EXPECT_THAT(rows(), ElementsAre(ElementsAre("3", "c", "z")));
}

TEST_F(SqliteUpsert, ALargeEpochFlowsInPieces) {
  for (int piece = 0; piece < 5; ++piece) {
    write(changes().insert({1, std::to_string(piece), "x"}).insert({piece + 10, "b", "y"}));
    flush();
  }
  commit(1);
  EXPECT_THAT(rows(), SizeIs(6));
  EXPECT_EQ(rows()[0][1], "4");
}

TEST_F(SqliteUpsert, NewRowsDoNotPileUpInMemory) {
  for (int chunk = 0; chunk < 8; ++chunk) {
    auto rows = changes();
    for (int id = 0; id < 300; ++id) rows.read({chunk * 200 + id, std::string(5000, 'a'), "x"});
    write(std::move(rows));
    EXPECT_LT(route_writer().buffered(), 8U << 20);
  }
  EXPECT_THAT(rows(), IsEmpty()) << "nothing is committed";
  commit(1);
  EXPECT_THAT(rows(), SizeIs(1700));
}

TEST_F(SqliteUpsert, ASecondSnapshotRemovesRowsThatNothingBrought) {
  write(changes().insert({1, "a", "x"}).insert({2, "b", "y"}).insert({3, "c", "z"}));
  commit(1);
  route_writer().begin_snapshot(2);
  write(changes().read({1, "A", "x"}));
  commit(2);
  restart();
  write(changes().update({3, "C", unchanged}).insert({4, "d", "w"}));
  commit(3);
  EXPECT_THAT(rows(), SizeIs(4)) << "old rows stay readable until the end";
  route_writer().finish_snapshot(2);
  commit(4);
  EXPECT_THAT(rows(), ElementsAre(ElementsAre("1", "A", "x"), ElementsAre("3", "C", "z"),
                                  ElementsAre("4", "d", "w")));
  EXPECT_THAT(query("SELECT name FROM sqlite_schema WHERE name LIKE 'leat_seen%'"), IsEmpty());
}

TEST_F(SqliteUpsert, KeysThatASnapshotHasSeenAreKnownByWhateverNames) {
  const auto pairs = [](const char* first, const char* second) {
    return test::route_of(test::table("pairs")
                              .column(first, value_class::int4, 1)
                              .column(second, value_class::int4, 2)
                              .key({first, second})
                              .build());
  };
  attach(pairs("a", "b"));
  write(changes().insert({1, 10}).insert({2, 20}).insert({3, 30}));
  commit(1);
  route_writer().begin_snapshot(2);
  write(changes().read({1, 10}));
  commit(2);
  change_schema(pairs("b", "a"));
  write(changes().read({2, 20}));
  commit(3);
  route_writer().finish_snapshot(2);
  commit(4);
  EXPECT_THAT(query("SELECT b, a FROM pairs ORDER BY 1"),
              ElementsAre(ElementsAre("1", "10"), ElementsAre("2", "20")));
}

/// Earlier versions gave the side table the names of the key.
TEST_F(SqliteUpsert, ASideTableWithNamesOfItsOwnIsTaken) {
  write(changes().insert({1, "a", "x"}).insert({2, "b", "y"}));
  commit(1);
  route_writer().begin_snapshot(2);
  write(changes().read({1, "a", "x"}));
  commit(2);
  const auto r = attached();
  close();
  execute("ALTER TABLE leat_seen_items RENAME COLUMN k1 TO id");
  reopen();
  attach(r);
  route_writer().finish_snapshot(2);
  commit(3);
  EXPECT_THAT(rows(), ElementsAre(ElementsAre("1", "a", "x")));
}

TEST_F(SqliteUpsert, ASnapshotThatIsGivenUpTakesNoRowAway) {
  write(changes().insert({1, "a", "x"}).insert({2, "b", "y"}));
  commit(1);
  route_writer().begin_snapshot(2);
  write(changes().read({1, "A", "x"}));
  flush();
  route_writer().give_up_snapshot(2);
  commit(2);
  EXPECT_THAT(rows(), ElementsAre(ElementsAre("1", "A", "x"), ElementsAre("2", "b", "y")));
  EXPECT_THAT(query("SELECT name FROM sqlite_schema WHERE name LIKE 'leat_seen%'"), IsEmpty());
}

TEST_F(SqliteUpsert, ASnapshotThatEndedHereTakesNothingAwayWhenItIsReplayed) {
  route_writer().begin_snapshot(2);
  write(changes().read({1, "a", "x"}));
  flush();
  route_writer().finish_snapshot(2);
  commit(1);
  restart();
  route_writer().begin_snapshot(2);
  write(changes().insert({2, "b", "y"}));
  flush();
  route_writer().finish_snapshot(2);
  commit(2);
  EXPECT_THAT(rows(), SizeIs(2));
}

TEST_F(SqliteUpsert, ASnapshotThatWaitsHoldsNoLock) {
  route_writer().begin_snapshot(1);
  change_schema(test::route_of(test::items()));
  execute("CREATE TABLE theirs (a)");
}

TEST_F(SqliteUpsert, ALaterSnapshotBeginsToCollectAnew) {
  write(changes().insert({1, "a", "x"}).insert({2, "b", "y"}));
  route_writer().begin_snapshot(2);
  write(changes().read({1, "a", "x"}));
  commit(1);
  route_writer().begin_snapshot(3);
  write(changes().read({2, "b", "y"}));
  flush();
  route_writer().finish_snapshot(3);
  commit(2);
  EXPECT_THAT(rows(), ElementsAre(ElementsAre("2", "b", "y")));
}

} // namespace
} // namespace leat::sqlite
