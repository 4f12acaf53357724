#include "plugins/sqlite/sink.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/batch_builder.hpp"
#include "tests/support/sqlite_fixture.hpp"

namespace leat::sqlite {
namespace {

using test::text_rows;
using test::unchanged;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

constexpr const char* letters_table = "We\"ird letters";

class SqliteDeadLetter : public test::sqlite_fixture {
 protected:
  SqliteDeadLetter() {
    keep_dead_letters(letters_table);
    reopen();
    execute("CREATE TABLE items (id INTEGER PRIMARY KEY, name TEXT CHECK (name <> 'bad'), body "
            "TEXT NOT NULL)");
    attach_items();
  }
  text_rows letters() {
    return query(
        "SELECT pipeline, target, \"key\", \"row\", commit_lsn, seq FROM \"We\"\"ird letters\" "
        "ORDER BY rowid");
  }
  text_rows ids() { return query("SELECT id, name FROM items ORDER BY id"); }
};

TEST_F(SqliteDeadLetter, ARowThatATableRefusesIsKeptWithItsReasonAndTheOthersAreWritten) {
  write(changes()
            .begin(0x10)
            .insert({1, "a", "x"})
            .insert({2, "bad", "\"q\"\n"})
            .insert({3, "c", nullptr}));
  commit(1);
  EXPECT_THAT(ids(), ElementsAre(ElementsAre("1", "a")));
  EXPECT_THAT(
      letters(),
      ElementsAre(ElementsAre("shop", "items", R"({"id":"2"})",
                              R"({"id":"2","name":"bad","body":"\"q\"\u000a"})", "0/10", "1"),
                  ElementsAre("shop", "items", R"({"id":"3"})",
                              R"({"id":"3","name":"c","body":null})", "0/10", "2")));
  EXPECT_THAT(query("SELECT reason FROM \"We\"\"ird letters\"")[0][0].value(),
              HasSubstr("CHECK constraint failed"));
}

TEST_F(SqliteDeadLetter, AnUpdateThatIsRefusedLeavesTheRowAsItWas) {
  write_first_row();
  write(changes().update({1, "bad", unchanged}));
  EXPECT_THAT(commit(2), IsEmpty());
  EXPECT_THAT(ids(), ElementsAre(ElementsAre("1", "a")));
  EXPECT_EQ(letters()[0][3], R"({"id":"1","name":"bad"})");
}

TEST_F(SqliteDeadLetter, ARowIsNotCompletedWithCellsThatAreOlderThanALetter) {
  write(changes().insert({1, "a", "x"}).insert({2, "a", "x"}).insert({3, "a", "x"}));
  commit(1);
  write(changes().update({1, "bad", "y"}).update({2, "bad", "y"}));
  commit(2);
  restart();
  write(changes()
            .update({1, "b", unchanged})
            .update({2, test::absent, test::absent}, {4, "b", unchanged})
            .update({3, "b", unchanged}));
  EXPECT_THAT(commit(3), testing::UnorderedElementsAre(ElementsAre("1"), ElementsAre("4")));
  EXPECT_THAT(query("SELECT id, name, body FROM items ORDER BY id"),
              ElementsAre(ElementsAre("1", "a", "x"), ElementsAre("3", "b", "x")));
  write(changes().update({3, "bad", "y"}));
  flush();
  write(changes().update({3, "c", unchanged}).update({1, "b", "z"}));
  EXPECT_THAT(commit(4), ElementsAre(ElementsAre("3")));
  EXPECT_THAT(query("SELECT id, name, body FROM items ORDER BY id"),
              ElementsAre(ElementsAre("1", "b", "z"), ElementsAre("3", "b", "x")));
}

TEST_F(SqliteDeadLetter, LettersCommitWithTheirEpochAndComeOnce) {
  write(changes().insert({2, "bad", "x"}));
  flush();
  restart();
  EXPECT_THAT(letters(), IsEmpty());
  write(changes().insert({2, "bad", "x"}));
  commit(1);
  EXPECT_THAT(letters(), SizeIs(1));
}

TEST_F(SqliteDeadLetter, ARowThatASnapshotBroughtAgainButCouldNotWriteIsNotTakenAway) {
  write_first_row();
  route_writer().begin_snapshot(2);
  write(changes().read({1, "bad", "x"}));
  flush();
  route_writer().finish_snapshot(2);
  commit(2);
  EXPECT_THAT(ids(), ElementsAre(ElementsAre("1", "a")));
}

TEST_F(SqliteDeadLetter, AChangeOfAnAppendTableIsKeptToo) {
  fresh_file();
  // A text of another type, as no server prints it.
  auto r = test::route_of(test::table("log").column("v", value_class::int4).build());
  r.mode = route_mode::append;
  attach(r);
  write(changes().begin(0x10).insert({"12x"}).insert({13}));
  commit(1);
  EXPECT_THAT(query("SELECT v FROM log"), ElementsAre(ElementsAre("13")));
  EXPECT_THAT(letters(),
              ElementsAre(ElementsAre("shop", "log", std::nullopt, R"({"v":"12x"})", "0/10", "0")));
}

TEST_F(SqliteDeadLetter, WhatOtherRowsStandInTheWayOfStopsThePipeline) {
  execute("CREATE UNIQUE INDEX one_name ON items (name)");
  write(changes().insert({1, "a", "x"}).insert({2, "a", "x"}));
  EXPECT_THAT(error_of([&] { commit(1); }), HasSubstr("UNIQUE"));
}

TEST_F(SqliteDeadLetter, ATriggerThatRollsTheEpochBackStopsThePipeline) {
  execute("CREATE TRIGGER t BEFORE INSERT ON items WHEN new.name = 'worse' BEGIN SELECT "
          "RAISE(ROLLBACK, 'no'); END");
  write(changes().insert({1, "a", "x"}).insert({2, "worse", "x"}));
  EXPECT_THAT(error_of([&] { commit(1); }), HasSubstr("no"));
  EXPECT_EQ(reopen(), std::nullopt);
}

} // namespace
} // namespace leat::sqlite
