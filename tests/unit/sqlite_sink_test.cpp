#include "plugins/sqlite/sink.hpp"

#include <csignal>
#include <fstream>

#include <sys/resource.h>
#include <unistd.h>

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
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

using SqliteSink = test::sqlite_fixture;

// ---- tables and values
// ---------------------------------------------------------------------------

TEST_F(SqliteSink, MakesATableWithTheTypesOfTheInterface) {
  auto r = test::route_of(test::table("t")
                              .column("i", value_class::int8)
                              .column("b", value_class::boolean)
                              .column("f", value_class::float8)
                              .column("raw", value_class::bytea)
                              .column("n", value_class::numeric)
                              .key({"i"})
                              .build());
  EXPECT_EQ(target().ddl(r), "CREATE TABLE \"t\" (\n"
                             "  \"i\" INTEGER PRIMARY KEY NOT NULL,\n"
                             "  \"b\" INTEGER,\n"
                             "  \"f\" REAL,\n"
                             "  \"raw\" BLOB,\n"
                             "  \"n\" TEXT\n"
                             ");");
}

TEST_F(SqliteSink, AKeyOfSeveralColumnsIsThePrimaryKeyInKeyOrder) {
  auto r = test::route_of(test::table("t")
                              .column("a", value_class::int4)
                              .column("b", value_class::text)
                              .key({"b", "a"})
                              .build());
  EXPECT_THAT(target().ddl(r), HasSubstr("PRIMARY KEY (\"b\", \"a\")"));
  EXPECT_THAT(target().ddl(r), HasSubstr("\"b\" TEXT NOT NULL"));
}

TEST_F(SqliteSink, KeepsEveryValueExactly) {
  attach(test::route_of(test::table("t")
                            .column("i", value_class::int8)
                            .column("b", value_class::boolean)
                            .column("f", value_class::float8)
                            .column("raw", value_class::bytea)
                            .column("n", value_class::numeric)
                            .column("s", value_class::text)
                            .key({"i"})
                            .build()));
  write(changes()
            .insert({"9223372036854775807", "t", "0.1", "\\x00ff", "1.10", ""})
            .insert({"-9223372036854775808", "f", "-Infinity", "\\x", "NaN", "it's \"Таблица\""})
            .insert({"0", nullptr, "NaN", nullptr, nullptr, nullptr}));
  commit(1);
  EXPECT_THAT(
      query("SELECT i, b, typeof(f), hex(raw), typeof(raw), n, s FROM t ORDER BY i"),
      ElementsAre(
          ElementsAre("-9223372036854775808", "0", "real", "", "blob", "NaN", "it's \"Таблица\""),
          ElementsAre("0", std::nullopt, "text", "", "null", std::nullopt, std::nullopt),
          ElementsAre("9223372036854775807", "1", "real", "00FF", "blob", "1.10", "")));
  EXPECT_EQ(query("SELECT f FROM t WHERE f = 0.1").size(), 1U);
  EXPECT_EQ(query("SELECT f FROM t WHERE f < -1e308").size(), 1U);
  EXPECT_EQ(query("SELECT f FROM t WHERE f = 'NaN'").size(), 1U);
}

TEST_F(SqliteSink, RefusesATextThatIsNotOfItsType) {
  for (const auto& [kind, text] :
       std::vector<std::pair<value_class, std::string>>{{value_class::int4, "12x"},
                                                        {value_class::int8, "9223372036854775808"},
                                                        {value_class::int4, ""},
                                                        {value_class::boolean, "true"},
                                                        {value_class::float8, "nan"},
                                                        {value_class::bytea, "\\x0"},
                                                        {value_class::bytea, "ab"}}) {
    fresh_file();
    attach(test::route_of(
        test::table("t").column("id", value_class::int4).column("v", kind).key({"id"}).build()));
    write(changes().insert({7, text}));
    EXPECT_THAT(error_of([&] { commit(1); }),
                AllOf(HasSubstr("\"" + text + "\""), HasSubstr("\"v\""), HasSubstr("(id = 7)")));
  }
}

TEST_F(SqliteSink, TakesHostileNames) {
  const std::string table = "We\"ird Таблица";
  auto schema = test::table("public.x")
                    .column("a\"b", value_class::int4)
                    .column("select", value_class::text)
                    .column("c'; DROP TABLE x; --", value_class::text)
                    .key({"a\"b"})
                    .build();
  auto r = test::route_of(schema);
  r.target = table;
  attach(r);
  write(changes().insert({1, "x", "y"}).update({1, "z", unchanged}));
  commit(1);
  EXPECT_THAT(query("SELECT * FROM \"We\"\"ird Таблица\""),
              ElementsAre(ElementsAre("1", "z", "y")));
}

TEST_F(SqliteSink, RefusesColumnsThatDifferOnlyInCase) {
  EXPECT_THAT(error_of([&] {
                attach(test::route_of(test::table("t")
                                          .column("id", value_class::int4)
                                          .column("ID", value_class::int4)
                                          .key({"id"})
                                          .build()));
              }),
              HasSubstr("two columns named \"ID\""));
}

TEST_F(SqliteSink, RefusesReservedTableNames) {
  auto r = test::route_of(items());
  r.target = "leat_progress";
  EXPECT_THAT(error_of([&] { attach(r); }), HasSubstr("reserved"));
}

TEST_F(SqliteSink, RefusesATableThatDiffersAndNamesTheColumn) {
  execute("CREATE TABLE items (id INTEGER PRIMARY KEY, name INTEGER, body TEXT)");
  EXPECT_THAT(error_of([&] { attach(test::route_of(items())); }),
              HasSubstr("column \"name\" is INTEGER, wanted is TEXT"));
}

TEST_F(SqliteSink, RefusesATableWithoutAColumn) {
  execute("CREATE TABLE items (id INTEGER PRIMARY KEY, name TEXT)");
  EXPECT_THAT(error_of([&] { attach(test::route_of(items())); }),
              HasSubstr("has no column \"body\" TEXT"));
}

TEST_F(SqliteSink, RefusesATableWhoseKeyIsNotUnique) {
  execute("CREATE TABLE items (id INTEGER, name TEXT, body TEXT)");
  EXPECT_THAT(error_of([&] { attach(test::route_of(items())); }),
              HasSubstr("PRIMARY KEY or UNIQUE"));
}

TEST_F(SqliteSink, RefusesAKeyThatIgnoresCase) {
  execute("CREATE TABLE t (k TEXT PRIMARY KEY COLLATE NOCASE)");
  EXPECT_THAT(
      error_of([&] {
        attach(test::route_of(test::table("t").column("k", value_class::text).key({"k"}).build()));
      }),
      HasSubstr("PRIMARY KEY or UNIQUE"));
}

TEST_F(SqliteSink, RefusesAView) {
  execute("CREATE TABLE x (id INTEGER PRIMARY KEY, name TEXT, body TEXT); "
          "CREATE VIEW items AS SELECT * FROM x");
  EXPECT_THAT(error_of([&] { attach(test::route_of(items())); }), HasSubstr("view"));
}

TEST_F(SqliteSink, TakesAnEmptyTableThatFits) {
  execute("CREATE TABLE items (id INTEGER PRIMARY KEY, name VARCHAR(20), body TEXT NOT NULL, more "
          "TEXT)");
  attach(test::route_of(items()));
  write(changes().insert({1, "a", "x"}));
  commit(1);
  EXPECT_THAT(query("SELECT id, name, body FROM items"), ElementsAre(ElementsAre("1", "a", "x")));
}

TEST_F(SqliteSink, RefusesATableThatHoldsOtherData) {
  execute("CREATE TABLE items (id INTEGER PRIMARY KEY, name TEXT, body TEXT); "
          "INSERT INTO items VALUES (1, 'theirs', 'x')");
  EXPECT_THAT(error_of([&] { attach(test::route_of(items())); }),
              HasSubstr("holds rows that this pipeline has not written"));
}

TEST_F(SqliteSink, RefusesATableOfAnotherPipeline) {
  attach(test::route_of(items()));
  write(changes().insert({1, "a", "x"}));
  commit(1);
  reopen("another");
  EXPECT_THAT(error_of([&] { attach(test::route_of(items())); }),
              HasSubstr("holds rows that this pipeline has not written"));
}

// ---- changes by key
// ------------------------------------------------------------------------------

class SqliteUpsert : public test::sqlite_fixture {
 protected:
  SqliteUpsert() { attach(test::route_of(items())); }
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
  write(changes().insert({1, "a", "x"}));
  commit(1);
  write(changes().insert({2, "b", "y"}));
  flush();
  const auto found = reopen();
  EXPECT_EQ(found->epoch, 1U);
  EXPECT_THAT(rows(), SizeIs(1));
}

TEST_F(SqliteUpsert, APartialRowUpdatesTheColumnsThatCame) {
  write(changes().insert({1, "a", "x"}));
  commit(1);
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
  write(changes().insert({1, "a", "x"}));
  commit(1);
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
  write(changes().insert({1, "a", "x"}));
  commit(1);
  w().begin_snapshot(1);
  write(changes().update(key(1), {2, "b", unchanged}));
  EXPECT_THAT(commit(2), ElementsAre(std::vector<std::string>{"2"}));
  EXPECT_THAT(rows(), IsEmpty());
  w().finish_snapshot(1);
  write(changes().insert({1, "a", "x"}));
  commit(3);
  write(changes().update(key(1), {2, "b", unchanged}));
  EXPECT_THAT(commit(4), IsEmpty());
}

TEST_F(SqliteUpsert, UntilTheStreamHasPassedARowThatWasReadAKeyMoveDoesNotReadTheTarget) {
  write(changes().insert({1, "a", "x"}));
  commit(1);
  write(changes().read({3, "later", "z"}));
  commit(2, false);
  write(changes().update(key(3), {4, "b", unchanged}));
  EXPECT_THAT(commit(3, false), ElementsAre(std::vector<std::string>{"4"}));
  w().finish_snapshot(1);
  write(changes().update(key(1), {2, "b", unchanged}));
  EXPECT_THAT(commit(4), IsEmpty());
}

TEST_F(SqliteUpsert, TheRunningSnapshotIsRememberedOverARestart) {
  write(changes().insert({1, "a", "x"}));
  w().begin_snapshot(1);
  commit(1, false);
  reopen();
  attach(test::route_of(items()));
  write(changes().update(key(1), {2, "b", unchanged}));
  EXPECT_THAT(commit(2), SizeIs(1));
}

TEST_F(SqliteUpsert, ATruncateEmptiesTheTableFirst) {
  write(changes().insert({1, "a", "x"}));
  commit(1);
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

// ---- delete modes
// --------------------------------------------------------------------------------

TEST_F(SqliteSink, SoftDeletesMarkTheRowAndAReinsertClearsTheMark) {
  auto r = test::route_of(items());
  r.removal = delete_mode::soft;
  attach(r);
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

TEST_F(SqliteSink, DeleteModeIgnoreKeepsRows) {
  auto r = test::route_of(items());
  r.removal = delete_mode::ignore;
  attach(r);
  write(changes().insert({1, "a", "x"}));
  commit(1);
  write(changes().remove({1, absent, absent}).truncate());
  commit(2);
  EXPECT_THAT(query("SELECT id FROM items"), SizeIs(1));
}

// ---- progress
// ------------------------------------------------------------------------------------

TEST_F(SqliteSink, AFreshFileHasNoProgress) { EXPECT_EQ(reopen(), std::nullopt); }

TEST_F(SqliteSink, ReadsBackWhatItCommitted) {
  attach(test::route_of(items()));
  target_progress p;
  p.pipeline_id = "abc";
  p.epoch = 12;
  p.position = commit_lsn{0x16B374D848};
  p.consistent = true;
  p.last_chunk = {{"items", (2ULL << 32) | 7}};
  target().commit(p);
  const auto found = reopen();
  ASSERT_TRUE(found);
  EXPECT_EQ(found->pipeline_id, "abc");
  EXPECT_EQ(found->epoch, 12U);
  EXPECT_EQ(found->position, p.position);
  EXPECT_TRUE(found->consistent);
  EXPECT_EQ(found->last_chunk, p.last_chunk);
  EXPECT_THAT(query("SELECT pipeline, target, commit_lsn, consistent FROM leat_progress"),
              ElementsAre(ElementsAre("shop", "*", "16/B374D848", "1")));
  EXPECT_THAT(query("SELECT committed_at FROM leat_progress")[0][0].value(),
              testing::MatchesRegex("20..-..-..T..:..:..\\.......Z"));
}

TEST_F(SqliteSink, PipelinesInOneFileKeepProgressOfTheirOwn) {
  commit(5);
  EXPECT_EQ(reopen("another"), std::nullopt);
  commit(9);
  EXPECT_EQ(reopen("shop")->epoch, 5U);
}

TEST_F(SqliteSink, TheFenceStopsASecondLeat) {
  attach(test::route_of(items()));
  commit(1);
  sink other("shop", options());
  other.open();
  auto& late = other.attach(test::share(test::route_of(items())));
  write(changes().insert({1, "a", "x"}));
  commit(2);
  const auto b = changes().insert({2, "b", "y"}).build();
  late.write(b, test::all_changes(*b));
  other.prepare();
  EXPECT_THAT(error_of([&] { other.commit(progress(2)); }), HasSubstr("another leat has written"));
}

TEST_F(SqliteSink, TheFenceSeesThatTheFileWasReplaced) {
  commit(1);
  execute("DELETE FROM leat_progress");
  EXPECT_THAT(error_of([&] { commit(2); }), HasSubstr("found no record"));
}

TEST_F(SqliteSink, ForgetRemovesProgressAndKeepsData) {
  attach(test::route_of(items()));
  write(changes().insert({1, "a", "x"}));
  commit(1);
  target().forget();
  EXPECT_THAT(query("SELECT name FROM sqlite_schema WHERE name LIKE 'leat%'"), IsEmpty());
  EXPECT_THAT(query("SELECT * FROM items"), SizeIs(1));
}

TEST_F(SqliteSink, ForgetLeavesOtherPipelinesAlone) {
  commit(1);
  reopen("another");
  commit(3);
  target().forget();
  EXPECT_EQ(reopen("shop")->epoch, 1U);
}

// ---- append
// --------------------------------------------------------------------------------------

class SqliteAppend : public test::sqlite_fixture {
 protected:
  SqliteAppend() {
    auto r = test::route_of(items());
    r.mode = route_mode::append;
    attach(r);
  }
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

TEST_F(SqliteAppend, AChangeThatComesTwiceIsAnError) {
  write(changes().begin(0x10).insert({1, "a", "x"}));
  commit(1);
  EXPECT_THAT(error_of([&] {
                write(changes().begin(0x10).insert({1, "a", "x"}));
                commit(2);
              }),
              HasSubstr("UNIQUE"));
}

// ---- without a key
// -------------------------------------------------------------------------------

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
  w().begin_snapshot(2);
  write(changes().read({2, "new"}));
  commit(2);
  EXPECT_THAT(rows(), SizeIs(2)) << "old rows stay readable";
  reopen();
  attach(test::route_of(log()));
  w().begin_snapshot(2);
  write(changes().read({3, "new"}));
  commit(3);
  EXPECT_THAT(rows(), SizeIs(3)) << "the same snapshot goes on";
  w().begin_snapshot(3);
  write(changes().read({3, "newer"}).update({3, "newer"}, {4, "newer"}, old_row_kind::full));
  w().finish_snapshot(3);
  commit(4);
  EXPECT_THAT(rows(), ElementsAre(ElementsAre("4", "newer")));
}

TEST_F(SqliteKeyless, ASnapshotThatEndedHereIsNotBegunAgainByAReplay) {
  w().begin_snapshot(1);
  write(changes().read({1, "x"}));
  w().finish_snapshot(1);
  commit(1);
  reopen();
  attach(test::route_of(log()));
  w().begin_snapshot(1);
  flush();
  w().finish_snapshot(1);
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
  w().begin_snapshot(2);
  write(changes().read({1, "new"}).truncate().insert({5, "new"}));
  w().finish_snapshot(2);
  commit(2);
  EXPECT_THAT(rows(), ElementsAre(ElementsAre("5", "new")));
}

// ---- snapshots again
// -----------------------------------------------------------------------------

TEST_F(SqliteUpsert, ASecondSnapshotRemovesRowsThatNothingBrought) {
  write(changes().insert({1, "a", "x"}).insert({2, "b", "y"}).insert({3, "c", "z"}));
  commit(1);
  w().begin_snapshot(2);
  write(changes().read({1, "A", "x"}));
  commit(2);
  reopen();
  attach(test::route_of(items()));
  write(changes().update({3, "C", unchanged}).insert({4, "d", "w"}));
  commit(3);
  EXPECT_THAT(rows(), SizeIs(4)) << "old rows stay readable until the end";
  w().finish_snapshot(2);
  commit(4);
  EXPECT_THAT(rows(), ElementsAre(ElementsAre("1", "A", "x"), ElementsAre("3", "C", "z"),
                                  ElementsAre("4", "d", "w")));
  EXPECT_THAT(query("SELECT name FROM sqlite_schema WHERE name LIKE 'leat_seen%'"), IsEmpty());
}

TEST_F(SqliteUpsert, ASnapshotThatEndedHereTakesNothingAwayWhenItIsReplayed) {
  w().begin_snapshot(2);
  write(changes().read({1, "a", "x"}));
  flush();
  w().finish_snapshot(2);
  commit(1);
  reopen();
  attach(test::route_of(items()));
  w().begin_snapshot(2);
  write(changes().insert({2, "b", "y"}));
  flush();
  w().finish_snapshot(2);
  commit(2);
  EXPECT_THAT(rows(), SizeIs(2));
}

TEST_F(SqliteUpsert, ASnapshotThatWaitsHoldsNoLock) {
  w().begin_snapshot(1);
  change_schema(test::route_of(items()));
  execute("CREATE TABLE theirs (a)");
}

TEST_F(SqliteUpsert, ALaterSnapshotBeginsToCollectAnew) {
  write(changes().insert({1, "a", "x"}).insert({2, "b", "y"}));
  w().begin_snapshot(2);
  write(changes().read({1, "a", "x"}));
  commit(1);
  w().begin_snapshot(3);
  write(changes().read({2, "b", "y"}));
  flush();
  w().finish_snapshot(3);
  commit(2);
  EXPECT_THAT(rows(), ElementsAre(ElementsAre("2", "b", "y")));
}

// ---- schema changes
// ------------------------------------------------------------------------------

TEST_F(SqliteUpsert, AddsDropsAndRenamesColumns) {
  write(changes().insert({1, "a", "x"}));
  flush();
  const auto after = test::route_of(test::table("public.items")
                                        .column("id", value_class::int4, 1)
                                        .column("title", value_class::text, 2)
                                        .column("price", value_class::numeric, 4)
                                        .key({"id"})
                                        .build());
  change_schema(after);
  write(changes().insert({2, "b", "9.50"}));
  commit(1);
  EXPECT_THAT(query("SELECT id, title, price FROM items ORDER BY id"),
              ElementsAre(ElementsAre("1", "a", std::nullopt), ElementsAre("2", "b", "9.50")));
  EXPECT_THAT(query("SELECT name FROM pragma_table_info('items')"), SizeIs(3));
}

TEST_F(SqliteUpsert, ASchemaChangeThatIsNotCommittedIsGone) {
  change_schema(test::route_of(
      test::table("public.items").column("id", value_class::int4).key({"id"}).build()));
  reopen();
  EXPECT_THAT(query("SELECT name FROM pragma_table_info('items')"), SizeIs(3));
}

TEST_F(SqliteUpsert, ASchemaChangeAppliedTwiceDoesNothing) {
  const auto before = test::route_of(items());
  const auto after = test::route_of(test::table("public.items")
                                        .column("id", value_class::int4, 1)
                                        .column("title", value_class::text, 2)
                                        .column("price", value_class::numeric, 4)
                                        .key({"id"})
                                        .build());
  change_schema(after);
  write(changes().insert({1, "b", "9.50"}));
  commit(1);
  reopen();
  attach(before);
  change_schema(after);
  write(changes().insert({2, "c", "1"}));
  commit(2);
  EXPECT_THAT(query("SELECT id, title, price FROM items ORDER BY id"),
              ElementsAre(ElementsAre("1", "b", "9.50"), ElementsAre("2", "c", "1")));
}

TEST_F(SqliteUpsert, ColumnsSwapTheirNames) {
  write(changes().insert({1, "a", "x"}));
  flush();
  change_schema(test::route_of(test::table("public.items")
                                   .column("id", value_class::int4, 1)
                                   .column("body", value_class::text, 2)
                                   .column("name", value_class::text, 3)
                                   .key({"id"})
                                   .build()));
  commit(1);
  EXPECT_THAT(query("SELECT body, name FROM items"), ElementsAre(ElementsAre("a", "x")));
}

TEST_F(SqliteUpsert, AnotherTypeMakesTheTableAnewWithItsIndexes) {
  execute("CREATE INDEX by_name ON items (name)");
  write(changes().insert({1, "a", "x"}));
  flush();
  change_schema(test::route_of(test::table("public.items")
                                   .column("id", value_class::text, 1)
                                   .column("name", value_class::text, 2)
                                   .column("body", value_class::text, 3)
                                   .key({"id"})
                                   .build()));
  write(changes().insert({"k", "b", "y"}));
  commit(1);
  EXPECT_THAT(query("SELECT id, typeof(id) FROM items ORDER BY id"),
              ElementsAre(ElementsAre("1", "text"), ElementsAre("k", "text")));
  EXPECT_THAT(query("SELECT name FROM sqlite_schema WHERE name = 'by_name'"), SizeIs(1));
}

TEST_F(SqliteUpsert, AnotherKeyMakesTheTableAnew) {
  write(changes().insert({1, "a", "x"}).insert({2, "b", "y"}));
  flush();
  change_schema(test::route_of(test::table("public.items")
                                   .column("id", value_class::int4, 1)
                                   .column("name", value_class::text, 2)
                                   .column("body", value_class::text, 3)
                                   .key({"name"})
                                   .build()));
  write(changes().update({9, "a", unchanged}));
  EXPECT_THAT(commit(1), IsEmpty());
  EXPECT_THAT(rows(), ElementsAre(ElementsAre("2", "b", "y"), ElementsAre("9", "a", "x")));
}

// ---- files that do not serve
// ---------------------------------------------------------------------

TEST_F(SqliteSink, RefusesADirectoryThatDoesNotExist) {
  auto o = options();
  o.path = directory() / "no" / "such.db";
  sink s("shop", o);
  EXPECT_THAT(error_of([&] { s.open(); }), HasSubstr("does not exist"));
}

TEST_F(SqliteSink, RefusesAFileThatIsNoDatabase) {
  auto o = options();
  o.path = directory() / "text.db";
  std::ofstream(o.path) << std::string(10'000, 'x');
  sink s("shop", o);
  EXPECT_THAT(error_of([&] { s.open(); }), HasSubstr("not a database"));
}

TEST_F(SqliteSink, RefusesADirectoryAsFile) {
  auto o = options();
  o.path = directory();
  sink s("shop", o);
  EXPECT_THAT(error_of([&] { s.open(); }), HasSubstr("unable to open"));
}

TEST_F(SqliteSink, ALockedFileIsATransientError) {
  attach(test::route_of(items()));
  const auto lock = hold_lock();
  write(changes().insert({1, "a", "x"}));
  try {
    target().prepare();
    FAIL() << "the file is locked";
  } catch (const error& e) {
    EXPECT_TRUE(e.transient());
    EXPECT_EQ(e.kind(), error_kind::sink);
    EXPECT_THAT(e.remedy(), HasSubstr("another process"));
  }
}

/// Root may write everything: takes its rights away for a while.
class without_root {
 public:
  without_root() {
    if (was_root_ && seteuid(nobody) != 0) ADD_FAILURE() << "root's rights stay";
  }
  ~without_root() {
    if (was_root_ && seteuid(0) != 0) ADD_FAILURE() << "root's rights are lost";
  }
  without_root(const without_root&) = delete;
  without_root& operator=(const without_root&) = delete;

 private:
  static constexpr uid_t nobody = 65534;
  bool was_root_ = geteuid() == 0;
};

TEST_F(SqliteSink, RefusesAFileThatIsReadOnly) {
  commit(1);
  close();
  std::filesystem::permissions(path(), std::filesystem::perms{0444});
  const without_root limit;
  sink s("shop", options());
  EXPECT_THAT(error_of([&] { s.open(); }), HasSubstr("read-only"));
}

TEST_F(SqliteSink, ACorruptFileIsAPermanentError) {
  attach(test::route_of(items()));
  write(changes().insert({1, std::string(20'000, 'x'), "x"}));
  commit(1);
  close();
  std::fstream file(path(), std::ios::in | std::ios::out | std::ios::binary);
  file.seekp(4096);
  file << std::string(8 * 4096, '\x5a');
  file.close();
  sink s("shop", options());
  EXPECT_THAT(error_of([&] {
                s.open();
                s.attach(test::share(test::route_of(items())));
              }),
              HasSubstr("malformed"));
}

/// Lets no file of this process grow beyond `bytes` for a while.
class file_size_limit {
 public:
  explicit file_size_limit(rlim_t bytes) : handler_(std::signal(SIGXFSZ, SIG_IGN)) {
    getrlimit(RLIMIT_FSIZE, &before_);
    const rlimit now{bytes, before_.rlim_max};
    setrlimit(RLIMIT_FSIZE, &now);
  }
  ~file_size_limit() {
    setrlimit(RLIMIT_FSIZE, &before_);
    std::signal(SIGXFSZ, handler_);
  }
  file_size_limit(const file_size_limit&) = delete;
  file_size_limit& operator=(const file_size_limit&) = delete;

 private:
  rlimit before_{};
  void (*handler_)(int);
};

TEST_F(SqliteSink, AFileThatCannotGrowIsATransientErrorAndLosesNothing) {
  attach(test::route_of(items()));
  write(changes().insert({-1, "a", "x"}));
  commit(1);
  auto big = changes();
  for (int i = 0; i < 1000; ++i) big.insert({i, std::string(1000, 'x'), "y"});
  write(std::move(big));
  try {
    const file_size_limit limit(200'000);
    commit(2);
    FAIL() << "the file cannot grow";
  } catch (const error& e) {
    EXPECT_TRUE(e.transient());
  }
  EXPECT_EQ(reopen()->epoch, 1U);
  EXPECT_THAT(query("SELECT id FROM items"), ElementsAre(ElementsAre("-1")));
}

} // namespace
} // namespace leat::sqlite
