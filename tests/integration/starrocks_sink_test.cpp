#include <gmock/gmock.h>

#include "tests/integration/starrocks_fixture.hpp"

namespace leat::test {
namespace {

using testing::HasSubstr;
using keys = std::vector<std::vector<std::string>>;

class StarrocksSink : public starrocks_both {
 protected:
  /// Names of the resnapshots' side tables.
  std::string side_tables() {
    return rows_of("SELECT TABLE_NAME FROM information_schema.tables WHERE TABLE_SCHEMA = '"
                   + database_ + "' AND TABLE_NAME LIKE 'leat_seen%'");
  }
};

TEST_P(StarrocksSink, KeepsWhatAnEpochBrought) {
  begin();
  write(changes().insert({1, "a", "x"}).insert({2, nullptr, "y"}));
  commit(1);
  EXPECT_EQ(items_rows(), "1|a|x 2|NULL|y");
}

TEST_P(StarrocksSink, RemembersItsProgress) {
  begin();
  write(changes().insert({1, "a", "x"}));
  held.last_chunk["items"] = (std::uint64_t{1} << 32) | 7;
  commit(5);
  const auto found = reopen();
  ASSERT_TRUE(found);
  EXPECT_EQ(found->epoch, 5u);
  EXPECT_EQ(found->position, commit_lsn{500});
  EXPECT_EQ(found->pipeline_id, "id-of-shop");
  EXPECT_TRUE(found->consistent);
  EXPECT_EQ(found->last_chunk.at("items"), (std::uint64_t{1} << 32) | 7);
}

TEST_P(StarrocksSink, HasNoProgressBeforeItsFirstCommit) {
  EXPECT_FALSE(reopen());
  EXPECT_FALSE(reopen());
}

TEST_P(StarrocksSink, ForgetsWhatWasNotCommitted) {
  begin();
  write(changes().insert({1, "a", "x"}));
  commit(1);
  write(changes().insert({2, "b", "y"}));
  target().prepare();
  restart();
  EXPECT_EQ(held.epoch, 1u);
  EXPECT_EQ(items_rows(), "1|a|x");
  write(changes().insert({3, "c", "z"}));
  commit(2);
  EXPECT_EQ(items_rows(), "1|a|x 3|c|z");
}

TEST_P(StarrocksSink, AppliesUpdatesDeletesAndKeyMoves) {
  begin();
  write(changes().insert({1, "a", "x"}).insert({2, "b", "y"}).insert({3, "c", "z"}));
  commit(1);
  write(changes()
            .update({1, "A", "x"})
            .remove({2, absent, absent})
            .update({3, absent, absent}, {4, "c", unchanged}));
  EXPECT_EQ(commit(2), keys{});
  EXPECT_EQ(items_rows(), "1|A|x 4|c|z");
}

TEST_P(StarrocksSink, CompletesUnchangedCellsFromTheTarget) {
  begin();
  write(changes().insert({1, "a", "it's a \"quoted\" \\ text\nof Таблица"}));
  commit(1);
  write(changes().update({1, "b", unchanged}));
  EXPECT_EQ(commit(2), keys{});
  EXPECT_EQ(items_rows(), "1|b|it's a \"quoted\" \\ text\nof Таблица");
}

TEST_P(StarrocksSink, ReportsRowsThatItCannotComplete) {
  begin();
  write(changes().update({7, "b", unchanged}));
  EXPECT_EQ(commit(1), (keys{{"7"}}));
  EXPECT_EQ(items_rows(), "");
}

TEST_P(StarrocksSink, CompletesARowThatTheOpenEpochHasWrittenAlready) {
  begin();
  write(changes().insert({1, "a", "x"}));
  flush();
  write(changes().update({1, "b", unchanged}));
  EXPECT_EQ(commit(1), keys{});
  EXPECT_EQ(items_rows(), "1|b|x");
}

TEST_P(StarrocksSink, ADeleteAndAnInsertInSeveralFlushesEndAsTheLast) {
  begin();
  write(changes().insert({1, "a", "x"}).insert({2, "b", "y"}));
  commit(1);
  write(changes().remove({1, absent, absent}));
  flush();
  write(changes().insert({1, "c", "z"}).remove({2, absent, absent}));
  flush();
  commit(2);
  EXPECT_EQ(items_rows(), "1|c|z");
}

TEST_P(StarrocksSink, TruncatesAndGoesOn) {
  begin();
  write(changes().insert({1, "a", "x"}));
  commit(1);
  write(changes().insert({2, "b", "y"}));
  flush();
  write(changes().truncate().insert({3, "c", "z"}));
  commit(2);
  EXPECT_EQ(items_rows(), "3|c|z");
}

TEST_P(StarrocksSink, SoftDeletesMarkRows) {
  auto r = route_of(items());
  r.removal = delete_mode::soft;
  reopen();
  attach(r);
  write(changes().insert({1, "a", "x"}).insert({2, "b", "y"}));
  commit(1);
  write(changes().remove({1, absent, absent}));
  commit(2);
  const auto all = "SELECT id, name, _leat_deleted FROM " + table("items") + " ORDER BY id";
  EXPECT_EQ(rows_of(all), "1|a|1 2|b|0");
  write(changes().truncate());
  commit(3);
  EXPECT_EQ(rows_of(all), "1|a|1 2|b|1");
}

TEST_P(StarrocksSink, AppendKeepsEveryChange) {
  auto r = route_of(items());
  r.mode = route_mode::append;
  reopen();
  attach(r);
  write(changes()
            .begin(256)
            .insert({1, "a", "x"})
            .update({1, "b", unchanged})
            .remove({1, absent, absent}));
  commit(1);
  EXPECT_EQ(rows_of("SELECT _leat_lsn, _leat_seq, _leat_op, id, name, body, _leat_missing FROM "
                    + table("items") + " ORDER BY _leat_seq"),
            "0/100|0|i|1|a|x|NULL 0/100|1|u|1|b|NULL|[\"body\"] "
            "0/100|2|d|1|NULL|NULL|[\"name\",\"body\"]");
}

TEST_P(StarrocksSink, AResnapshotRemovesWhatItDidNotBring) {
  begin();
  write(changes().insert({1, "a", "x"}).insert({2, "b", "y"}).insert({3, "c", "z"}));
  commit(1);
  route_writer().begin_snapshot(2);
  write(changes().chunk(500, 1).read({1, "A", "x"}));
  commit(2, false);
  restart();
  route_writer().begin_snapshot(2);
  write(changes().begin(600).insert({4, "d", "w"}));
  flush();
  route_writer().finish_snapshot(2);
  commit(3);
  EXPECT_EQ(items_rows(), "1|A|x 4|d|w");
  route_writer().finish_snapshot(2);
  EXPECT_EQ(items_rows(), "1|A|x 4|d|w");
}

TEST_P(StarrocksSink, ColumnsChangeWhileATableIsReadAgain) {
  begin();
  write(changes().insert({1, "a", "x"}).insert({2, "b", "y"}));
  commit(1);
  route_writer().begin_snapshot(2);
  write(changes().chunk(500, 1).read({1, "A", "x"}));
  flush();
  auto after = *items();
  add_column(after, {"more", value_class::int8, "bigint"});
  change_schema(route_of(std::make_shared<const table_schema>(after)));
  write(changes().begin(600).insert({3, "c", "z", 7}));
  flush();
  route_writer().finish_snapshot(2);
  commit(2);
  EXPECT_EQ(rows_of("SELECT * FROM " + table("items") + " ORDER BY id"), "1|A|x|NULL 3|c|z|7");
}

TEST_P(StarrocksSink, WhatATransformMadeOfAChunkDoesNotTellHowFarTheStreamIs) {
  begin();
  write(changes().insert({1, "a", "x"}));
  commit(1);
  route_writer().begin_snapshot(2);
  write(changes().begin(900, 0, 0).insert({2, "b", "y"}));
  flush();
  route_writer().finish_snapshot(2);
  commit(2);
  const auto found = reopen();
  ASSERT_TRUE(found);
  EXPECT_EQ(found->position, commit_lsn{200});
  EXPECT_TRUE(found->consistent);
}

TEST_P(StarrocksSink, ASideTableThatACrashHasLeftGoesAtTheNextStart) {
  begin();
  route_writer().begin_snapshot(2);
  commit(1, false);
  const auto side_table = side_tables();
  ASSERT_NE(side_table, "");
  restart();
  EXPECT_EQ(side_tables(), side_table);
  flush();
  route_writer().finish_snapshot(2);
  commit(2);
  ASSERT_EQ(side_tables(), "");
  execute("CREATE TABLE " + table(side_table)
          + " (k1 INT NOT NULL) PRIMARY KEY(k1) DISTRIBUTED BY HASH(k1) "
            "PROPERTIES(\"replication_num\"=\"1\")");
  restart();
  EXPECT_EQ(side_tables(), "");
}

TEST_P(StarrocksSink, ATableThatIsDroppedAtTheTargetIsMadeAnewByAResnapshotAlone) {
  begin();
  write(changes().insert({1, "a", "x"}));
  commit(1);
  execute("DROP TABLE " + table("items"));
  for (int starts = 0; starts < 2; ++starts) {
    restart();
    const auto e = error_of([&] { target().prepare(); });
    EXPECT_FALSE(e.transient());
    EXPECT_THAT(e.what(), HasSubstr("the target table was dropped"));
    EXPECT_THAT(e.remedy(), HasSubstr("leat resnapshot public.items"));
  }
  restart();
  route_writer().begin_snapshot(2);
  write(changes().chunk(500, 1).read({1, "a", "x"}).read({2, "b", "y"}));
  flush();
  route_writer().finish_snapshot(2);
  commit(2);
  EXPECT_EQ(items_rows(), "1|a|x 2|b|y");
}

TEST_P(StarrocksSink, ATableThatIsDroppedWhileItIsReadAgainKeepsItsRows) {
  begin();
  write(changes().insert({1, "a", "x"}).insert({2, "b", "y"}));
  commit(1);
  route_writer().begin_snapshot(2);
  write(changes().chunk(500, 1).read({1, "A", "x"}));
  commit(2, false);
  EXPECT_NE(side_tables(), "");
  flush();
  route_writer().give_up_snapshot(2);
  // Before its epoch is committed the process dies, and the stream tells of the end once more.
  restart();
  flush();
  route_writer().give_up_snapshot(2);
  commit(3);
  EXPECT_EQ(items_rows(), "1|A|x 2|b|y");
  EXPECT_EQ(side_tables(), "");
  // Made again at the source, it is read again, and what it does not have goes.
  route_writer().begin_snapshot(3);
  write(changes().chunk(700, 1).read({3, "c", "z"}));
  flush();
  route_writer().finish_snapshot(3);
  commit(4);
  EXPECT_EQ(items_rows(), "3|c|z");
}

TEST_P(StarrocksSink, FollowsColumnsThatComeGoAndChangeTheirNames) {
  begin();
  write(changes().insert({1, "a", "x"}));
  flush();
  auto after = *items();
  after.columns[1].name = "title";
  after.columns.erase(after.columns.begin() + 2);
  add_column(after, {"We\"ird Таблица", value_class::int8, "bigint"});
  change_schema(route_of(std::make_shared<const table_schema>(after)));
  write(changes().insert({2, "b", 7}));
  commit(1);
  EXPECT_EQ(rows_of("SELECT * FROM " + table("items") + " ORDER BY id"), "1|a|NULL 2|b|7");
}

TEST_P(StarrocksSink, RefusesATableWithForeignRows) {
  reopen();
  execute("CREATE TABLE " + table("items")
          + " (id INT NOT NULL, name VARCHAR(1048576) NULL, body VARCHAR(1048576) NULL) PRIMARY "
            "KEY(id) DISTRIBUTED BY HASH(id) PROPERTIES(\"replication_num\"=\"1\")");
  execute("INSERT INTO " + table("items") + " VALUES (1, 'a', 'b')");
  const auto e = error_of([&] { attach_items(); });
  EXPECT_THAT(e.what(), HasSubstr("rows that this pipeline has not written"));
  EXPECT_THAT(e.remedy(), HasSubstr("TRUNCATE TABLE"));
}

TEST_P(StarrocksSink, RefusesATableOfAnotherPipelineThoughItIsEmpty) {
  begin();
  commit(1);
  execute("INSERT INTO " + table("leat_progress_table")
          + " (pipeline, target, table_name, last_chunk, snapshot, finished) VALUES "
            "('another', 'mine', 'mine', 0, 0, 0)");
  execute("CREATE TABLE " + table("mine")
          + " (id INT NOT NULL, name VARCHAR(1048576) NULL, body VARCHAR(1048576) NULL) PRIMARY "
            "KEY(id) DISTRIBUTED BY HASH(id) PROPERTIES(\"replication_num\"=\"1\")");
  auto mine = route_of(items());
  mine.target = "mine";
  const auto e = error_of([&] { attach(std::move(mine)); });
  EXPECT_THAT(e.what(), HasSubstr("table is pipeline `another`'s"));
}

TEST_P(StarrocksSink, StopsAtAValueThatAColumnCannotHold) {
  reopen();
  attach(route_of(starrocks_source(
      "items", {{"id", value_class::int4, "integer"}, {"at", value_class::date, "date"}})));
  write(changes().insert({1, "infinity"}));
  const auto e = error_of([&] { commit(1); });
  EXPECT_FALSE(e.transient());
  EXPECT_THAT(e.what(), HasSubstr("column at has an infinity"));
  EXPECT_THAT(e.what(), HasSubstr("id = 1"));
}

TEST_P(StarrocksSink, CsvAndJsonLeaveTheSameRows) {
  for (const auto format : {load_format::json, load_format::csv}) {
    auto o = options();
    o.starrocks.format = format;
    open(starrocks::make_sink(format == load_format::csv ? "csv" : "json", o));
    auto r = route_of(starrocks_source("t", {{"id", value_class::int4, "integer"},
                                             {"b", value_class::bytea, "bytea"},
                                             {"t", value_class::text, "text"},
                                             {"j", value_class::jsonb, "jsonb"},
                                             {"a", value_class::array, "text[]"},
                                             {"ok", value_class::boolean, "boolean"}}));
    r.target = format == load_format::csv ? "csv" : "json";
    attach(r);
    write(changes()
              .insert({1, "\\x00ff", "a\t\"b\"\nc", "{\"k\": \"v\"}", "{\"x,y\",NULL}", "t"})
              .insert({2, nullptr, "", nullptr, "{}", nullptr})
              .insert({3, "\\x", nullptr, "[1]", nullptr, "f"}));
    commit(1);
    write(changes().remove({3, absent, absent, absent, absent, absent}));
    commit(2);
  }
  const auto rows = [&](const char* name) {
    return rows_of("SELECT id, hex(b) AS h, t, j, a, ok FROM " + table(name) + " ORDER BY id");
  };
  EXPECT_EQ(rows("csv"), rows("json"));
  EXPECT_THAT(rows("csv"), HasSubstr("1|00FF|a\t\"b\"\nc|"));
}

INSTANTIATE_TEST_SUITE_P(Mode, StarrocksSink, testing::Values(atomicity::epoch, atomicity::table),
                         mode_name);

} // namespace
} // namespace leat::test
