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
using testing::HasSubstr;
using testing::SizeIs;

using SqliteDeletes = test::sqlite_fixture;

TEST_F(SqliteDeletes, SoftDeletesMarkTheRowAndAReinsertClearsTheMark) {
  attach_items({.removal = delete_mode::soft});
  write(changes().insert({1, "a", "x"}).insert({2, "b", "y"}));
  commit(1);
  write(changes().remove({1, absent, absent}));
  commit(2);
  const auto rows = [&] { return query("SELECT id, name, _leat_deleted FROM items ORDER BY id"); };
  EXPECT_THAT(rows(), ElementsAre(ElementsAre("1", "a", "1"), ElementsAre("2", "b", "0")));
  write(changes().insert({1, "again", "x"}));
  commit(3);
  EXPECT_THAT(rows(), ElementsAre(ElementsAre("1", "again", "0"), ElementsAre("2", "b", "0")));
  write(changes().truncate());
  commit(4);
  EXPECT_THAT(rows(), ElementsAre(ElementsAre("1", "again", "1"), ElementsAre("2", "b", "1")));
  write(changes().update({1, "c", unchanged}));
  EXPECT_THAT(commit(5), SizeIs(1)) << "a row marked deleted is not there";
}

TEST_F(SqliteDeletes, DeleteModeIgnoreKeepsRows) {
  attach_items({.removal = delete_mode::ignore});
  write_first_row();
  write(changes().remove({1, absent, absent}).truncate());
  commit(2);
  EXPECT_THAT(query("SELECT id FROM items"), SizeIs(1));
}

class SqliteAppend : public test::sqlite_fixture {
 protected:
  SqliteAppend() { attach_items({.mode = route_mode::append}); }
  text_rows rows() {
    return query("SELECT id, name, body, _leat_op, _leat_lsn, _leat_seq, _leat_missing FROM items "
                 "ORDER BY rowid");
  }
};

TEST_F(SqliteAppend, EveryChangeIsOneRow) {
  const auto none = std::nullopt;
  write(changes()
            .begin(0x10)
            .insert({1, "a", "x"})
            .update({1, "b", unchanged})
            .begin(0x20)
            .update({1, absent, absent}, {2, "c", "y"})
            .remove({2, absent, absent})
            .truncate());
  commit(1);
  EXPECT_THAT(rows(),
              ElementsAre(ElementsAre("1", "a", "x", "i", "0/10", "0", none),
                          ElementsAre("1", "b", none, "u", "0/10", "1", "[\"body\"]"),
                          ElementsAre("2", "c", "y", "u", "0/20", "0", none),
                          ElementsAre("2", none, none, "d", "0/20", "1", "[\"name\",\"body\"]"),
                          ElementsAre(none, none, none, "t", "0/20", "2", none)));
}

TEST_F(SqliteAppend, AFullOldRowFillsWhatDidNotCome) {
  write(changes().update({1, "a", "x"}, {1, "b", unchanged}, old_row_kind::full));
  commit(1);
  EXPECT_THAT(rows()[0], ElementsAre("1", "b", "x", "u", "0/1", "0", std::nullopt));
}

TEST_F(SqliteAppend, ASnapshotRowIsNamedByItsChunk) {
  write(changes().chunk(0x30, 1).read({1, "a", "x"}).chunk(0x30, 2).read({2, "b", "y"}));
  commit(1);
  EXPECT_THAT(rows(),
              ElementsAre(ElementsAre("1", "a", "x", "r", "0/30", "4294967296", std::nullopt),
                          ElementsAre("2", "b", "y", "r", "0/30", "8589934592", std::nullopt)));
}

TEST_F(SqliteAppend, TheTimeIsThatOfTheCommit) {
  write(changes().begin(0x10, 86'400'000'001).insert({1, "a", "x"}));
  commit(1);
  EXPECT_EQ(query("SELECT _leat_time FROM items")[0][0], "2000-01-02T00:00:00.000001Z");
}

TEST_F(SqliteAppend, ASnapshotRowHasNoTime) {
  write(changes().chunk(0x30, 1).read({1, "a", "x"}));
  commit(1);
  EXPECT_EQ(query("SELECT _leat_time FROM items")[0][0], std::nullopt);
}

TEST_F(SqliteAppend, AChangeThatComesTwiceIsAnError) {
  write(changes().begin(0x10).insert({1, "a", "x"}));
  commit(1);
  EXPECT_THAT(error_of([&] {
                write(changes().begin(0x10).insert({1, "a", "x"}));
                commit(2);
              }),
              HasSubstr("UNIQUE"));
}

class SqliteKeyless : public test::sqlite_fixture {
 protected:
  SqliteKeyless() { attach(test::route_of(log())); }
  static schema_ptr log() {
    return test::table("log")
        .column("a", value_class::int4)
        .column("b", value_class::text)
        .replica_full()
        .build();
  }
  text_rows rows() { return query("SELECT a, b FROM log ORDER BY a, b"); }
};

TEST_F(SqliteKeyless, AnUpdateOrDeleteTakesExactlyOneOfEqualRows) {
  write(changes()
            .insert({1, "x"})
            .insert({1, "x"})
            .insert({1, nullptr})
            .insert({1, nullptr})
            .update({1, "x"}, {2, unchanged}, old_row_kind::full)
            .remove({1, nullptr}, old_row_kind::full));
  commit(1);
  EXPECT_THAT(rows(), ElementsAre(ElementsAre("1", std::nullopt), ElementsAre("1", "x"),
                                  ElementsAre("2", "x")));
}

TEST_F(SqliteKeyless, AChangeOfARowThatIsNotThereIsAnError) {
  EXPECT_THAT(error_of([&] {
                write(changes().remove({1, "x"}, old_row_kind::full));
                commit(1);
              }),
              HasSubstr("is not in the table"));
}

TEST_F(SqliteKeyless, AChangeWithoutItsOldRowIsAnError) {
  EXPECT_THAT(error_of([&] {
                write(changes().update({1, "x"}));
                commit(1);
              }),
              HasSubstr("without its whole old row"));
}

TEST_F(SqliteKeyless, ASnapshotGoesOnAfterARestartAndANewOneBeginsAgain) {
  write(changes().insert({1, "old"}));
  commit(1);
  route_writer().begin_snapshot(2);
  write(changes().read({2, "new"}));
  commit(2);
  EXPECT_THAT(rows(), SizeIs(2)) << "old rows stay readable";
  restart();
  route_writer().begin_snapshot(2);
  write(changes().read({3, "new"}));
  commit(3);
  EXPECT_THAT(rows(), SizeIs(3)) << "the same snapshot goes on";
  route_writer().begin_snapshot(3);
  write(changes().read({3, "newer"}).update({3, "newer"}, {4, "newer"}, old_row_kind::full));
  route_writer().finish_snapshot(3);
  commit(4);
  EXPECT_THAT(rows(), ElementsAre(ElementsAre("4", "newer")));
}

TEST_F(SqliteKeyless, ATableThatIsDroppedAmidASnapshotIsMadeAnewByTheNextOne) {
  write(changes().insert({1, "old"}).insert({2, "old"}).insert({3, "old"}).insert({4, "old"}));
  commit(1);
  route_writer().begin_snapshot(2);
  write(changes().read({1, "cut short"}));
  commit(2);
  const auto r = attached();
  close();
  execute("DROP TABLE log");
  reopen();
  attach(r);
  route_writer().begin_snapshot(3);
  write(changes().read({1, "new"}).read({2, "new"}).read({3, "new"}));
  commit(3);
  write(changes()
            .update({1, "new"}, {1, "newer"}, old_row_kind::full)
            .remove({2, "new"}, old_row_kind::full));
  route_writer().finish_snapshot(3);
  commit(4);
  EXPECT_THAT(rows(), ElementsAre(ElementsAre("1", "newer"), ElementsAre("3", "new")));
}

TEST_F(SqliteKeyless, OldRowsAreAllThereIsWhenASnapshotIsGivenUp) {
  write(changes().insert({1, "old"}).insert({2, "old"}));
  commit(1);
  route_writer().begin_snapshot(2);
  write(changes().read({1, "cut short"}));
  commit(2);
  restart();
  route_writer().give_up_snapshot(3);
  commit(3);
  EXPECT_THAT(rows(), ElementsAre(ElementsAre("1", "old"), ElementsAre("2", "old")));
  write(changes().update({2, "old"}, {2, "newer"}, old_row_kind::full));
  commit(4);
  EXPECT_THAT(rows(), ElementsAre(ElementsAre("1", "old"), ElementsAre("2", "newer")));
  EXPECT_THAT(error_of([&] {
                write(changes().remove({7, "not there"}, old_row_kind::full));
                commit(5);
              }),
              HasSubstr("is not in the table"))
      << "no snapshot is under way that would explain it";
}

TEST_F(SqliteKeyless, ASnapshotThatEndedHereIsNotBegunAgainByAReplay) {
  route_writer().begin_snapshot(1);
  write(changes().read({1, "x"}));
  route_writer().finish_snapshot(1);
  commit(1);
  restart();
  route_writer().begin_snapshot(1);
  flush();
  route_writer().finish_snapshot(1);
  commit(2);
  EXPECT_THAT(rows(), SizeIs(1));
}

TEST_F(SqliteKeyless, ColumnsMayHaveTheNamesOfTheRowNumber) {
  attach(test::route_of(test::table("r")
                            .column("rowid", value_class::int4)
                            .column("OID", value_class::text)
                            .replica_full()
                            .build()));
  write(changes().insert({7, "a"}).insert({7, "a"}).update({7, "a"}, {8, "b"}, old_row_kind::full));
  commit(1);
  EXPECT_THAT(query("SELECT rowid, \"OID\" FROM r ORDER BY 1"),
              ElementsAre(ElementsAre("7", "a"), ElementsAre("8", "b")));
}

TEST_F(SqliteKeyless, ATruncateDuringASnapshotTakesAllRows) {
  write(changes().insert({1, "old"}).insert({2, "old"}));
  commit(1);
  route_writer().begin_snapshot(2);
  write(changes().read({1, "new"}).truncate().insert({5, "new"}));
  route_writer().finish_snapshot(2);
  commit(2);
  EXPECT_THAT(rows(), ElementsAre(ElementsAre("5", "new")));
}

} // namespace
} // namespace leat::sqlite
