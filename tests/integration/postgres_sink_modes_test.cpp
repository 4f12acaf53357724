#include <gmock/gmock.h>

#include <map>

#include "dataflow/table_columns.hpp"
#include "tests/integration/postgres_sink_fixture.hpp"

namespace leat::test {

namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

schema_ptr named_items() { return source_table("items", {{"id", "integer"}, {"name", "text"}}); }

/// Without a key; prices that are equal but print otherwise are different rows.
schema_ptr heap() {
  return source_table(
      "heap", {{"price", "numeric"}, {"name", "text"}, {"doc", "json"}, {"ok", "boolean"}}, 0);
}

route_ptr appending(const schema_ptr& schema) {
  auto r = route_of(schema);
  r.mode = route_mode::append;
  return share(std::move(r));
}

/// Another version of items; `numbers` are the columns' attnums.
route_ptr items_with(const std::vector<std::pair<std::string, std::string>>& columns,
                     const std::vector<std::int16_t>& numbers) {
  table_schema next = *source_table("items", columns);
  for (std::size_t i = 0; i < numbers.size(); ++i) next.columns[i].number = numbers[i];
  return plain(std::make_shared<const table_schema>(std::move(next)));
}

} // namespace

// Tables without a key

TEST_F(postgres_sink_test, ChangesExactlyOneOfSeveralEqualRows) {
  auto sink = open(plain(heap()));
  const row twin{"1.0", "a", "{\"x\": 1}", "t"};
  sink.write(batch_builder(heap()).insert(twin).insert(twin).insert(twin).build());
  sink.commit_next();
  sink.write(batch_builder(heap())
                 .remove(twin, old_row_kind::full)
                 .update(twin, {"2.0", unchanged, unchanged, nullptr}, old_row_kind::full)
                 .build());
  sink.commit_next();
  EXPECT_EQ(rows_of("SELECT * FROM heap ORDER BY 1"), "1.0|a|{\"x\": 1}|t 2.0|a|{\"x\": 1}|NULL");
}

TEST_F(postgres_sink_test, TellsRowsApartThatAreEqualButPrintOtherwise) {
  auto sink = open(plain(heap()));
  sink.write(batch_builder(heap())
                 .insert({"1.00", nullptr, "{}", "t"})
                 .insert({"1.0", nullptr, "{}", "t"})
                 .insert({"1", nullptr, "{}", "t"})
                 .build());
  sink.commit_next();
  sink.write(batch_builder(heap()).remove({"1.0", nullptr, "{}", "t"}, old_row_kind::full).build());
  sink.commit_next();
  EXPECT_EQ(rows_of("SELECT price FROM heap ORDER BY scale(price)"), "1 1.00");
}

TEST_F(postgres_sink_test, StopsWhenARowWithoutKeyIsNotThere) {
  auto sink = open(plain(heap()));
  sink.write(batch_builder(heap()).remove({"1", nullptr, "{}", "t"}, old_row_kind::full).build());
  const auto e = error_of([&] { sink.commit_next(); });
  EXPECT_THAT(e.what(), HasSubstr("is not in the target table"));
  EXPECT_THAT(e.remedy(), HasSubstr("resnapshot"));
}

TEST_F(postgres_sink_test, EmptiesATableWithoutKeyWhoseFirstSnapshotDidNotEnd) {
  auto sink = open(plain(heap()));
  sink.route_writer().begin_snapshot(1);
  sink.write(batch_builder(heap()).read({"1", nullptr, "{}", "t"}).build());
  sink.commit_next(false);
  sink.route_writer().begin_snapshot(2);
  sink.write(batch_builder(heap()).read({"2", nullptr, "{}", "t"}).build());
  sink.commit_next(false);
  EXPECT_EQ(rows_of("SELECT price FROM heap"), "2");
}

// Mode append (R11)

TEST_F(postgres_sink_test, AppendsEveryChangeAsARow) {
  auto sink = open(appending(named_items()));
  sink.write(batch_builder(named_items())
                 .begin(0x100, 86'400'000'000 + 1'500'000)
                 .insert({1, "a"})
                 .update({1, absent}, {2, unchanged})
                 .remove({2, absent})
                 .truncate()
                 .chunk(0x200, 3)
                 .read({7, nullptr})
                 .build());
  sink.commit_next();
  EXPECT_EQ(
      rows_of("SELECT id, name, _leat_op, _leat_lsn, _leat_seq % 1000, _leat_time, _leat_missing "
              "FROM items ORDER BY _leat_lsn, _leat_seq"),
      "1|a|i|0/100|0|2000-01-02 00:00:01.5+00|NULL "
      "2|NULL|u|0/100|1|2000-01-02 00:00:01.5+00|{name} "
      "2|NULL|d|0/100|2|2000-01-02 00:00:01.5+00|{name} "
      "NULL|NULL|t|0/100|3|2000-01-02 00:00:01.5+00|NULL "
      "7|NULL|r|0/200|"
          + std::to_string((3ULL << 32) % 1000) + "|NULL|NULL");
}

TEST_F(postgres_sink_test, TakesAnAppendedChangeOnlyOnce) {
  auto sink = open(appending(named_items()));
  const auto rows = batch_builder(named_items()).begin(0x100).insert({1, "a"}).build();
  sink.write(rows);
  sink.commit_next();
  sink.write(rows);
  EXPECT_THAT(error_of([&] { sink.commit_next(); }).what(), HasSubstr("duplicate key"));
}

// Snapshots again (R12)

TEST_F(postgres_sink_test, RemovesRowsThatAResnapshotHasNotBrought) {
  auto sink = open(plain(named_items()));
  sink.write(batch_builder(named_items())
                 .insert({1, "a"})
                 .insert({2, "b"})
                 .insert({3, "c"})
                 .insert({4, "d"})
                 .build());
  sink.commit_next();
  sink.route_writer().begin_snapshot(2);
  sink.write(batch_builder(named_items()).read({1, "a2"}).build());
  sink.commit_next(false);
  EXPECT_EQ(value_of("SELECT count(*) FROM items"), "4");
  sink.write(batch_builder(named_items()).update({3, unchanged}).insert({5, "e"}).build());
  sink.commit_next(false);
  sink.route_writer().finish_snapshot(2);
  sink.commit_next(true);
  EXPECT_EQ(rows_of("SELECT * FROM items ORDER BY 1"), "1|a2 3|c 5|e");
  EXPECT_EQ(value_of("SELECT count(*) FROM pg_class WHERE relname LIKE 'leat_seen%'"), "0");
}

/// The side table of seen keys has columns of its own.
TEST_F(postgres_sink_test, KnowsTheKeysThatAResnapshotHasSeenByWhateverNameAndType) {
  const auto before = source_table("items", {{"a", "integer"}, {"b", "integer"}}, 2);
  auto sink = open(plain(before));
  sink.write(batch_builder(before).insert({1, 10}).insert({2, 20}).insert({3, 30}).build());
  sink.commit_next();
  sink.route_writer().begin_snapshot(2);
  sink.write(batch_builder(before).read({1, 10}).build());
  sink.commit_next(false);
  const auto after = plain(source_table("items", {{"b", "bigint"}, {"a", "bigint"}}, 2));
  sink.route_writer().change_schema(after);
  sink.write(batch_builder(after->schema).read({"5000000000", 20}).read({3, 30}).build());
  sink.commit_next(false);
  sink.open(postgres::make_target_sink("shop", options()));
  sink.attach(after);
  sink.route_writer().finish_snapshot(2);
  sink.commit_next(true);
  EXPECT_EQ(rows_of("SELECT b, a FROM items ORDER BY 2"), "1|10 5000000000|20 3|30");
}

TEST_F(postgres_sink_test, RemovesNothingWhenAResnapshotIsGivenUp) {
  auto sink = open(plain(named_items()));
  sink.write(batch_builder(named_items()).insert({1, "a"}).insert({2, "b"}).build());
  sink.commit_next();
  sink.route_writer().begin_snapshot(2);
  sink.write(batch_builder(named_items()).read({1, "a2"}).build());
  sink.commit_next(false);
  sink.route_writer().give_up_snapshot(2);
  sink.commit_next(true);
  EXPECT_EQ(rows_of("SELECT * FROM items ORDER BY 1"), "1|a2 2|b");
  EXPECT_EQ(value_of("SELECT count(*) FROM pg_class WHERE relname LIKE 'leat_seen%'"), "0");
}

TEST_F(postgres_sink_test, KeepsOldRowsOfATableWithoutAKeyUntilItsResnapshotEnds) {
  const auto schema = source_table("items", {{"id", "integer"}, {"name", "text"}}, 0);
  const auto kept = "SELECT id, name FROM items ORDER BY 1";
  for (const auto removal : {delete_mode::hard, delete_mode::soft, delete_mode::ignore}) {
    SetUp();
    auto deleting = route_of(schema);
    deleting.removal = removal;
    const auto r = share(std::move(deleting));
    {
      auto sink = open(r);
      sink.write(batch_builder(schema).insert({1, "old"}).insert({2, "old"}).build());
      sink.commit_next();
      sink.route_writer().begin_snapshot(2);
      sink.write(batch_builder(schema).read({7, "cut short"}).build());
      sink.commit_next(false);
      EXPECT_EQ(rows_of(kept), "1|old 2|old");
    }
    {
      auto sink = open(r);
      sink.route_writer().begin_snapshot(3);
      sink.write(batch_builder(schema).read({1, "new"}).read({3, "new"}).build());
      sink.commit_next(false);
    }
    auto sink = open(r);
    sink.write(batch_builder(schema)
                   .update({1, "new"}, {1, "newer"}, old_row_kind::full)
                   .insert({4, "new"})
                   .build());
    sink.commit_next(false);
    EXPECT_EQ(rows_of(kept), "1|old 2|old");
    sink.route_writer().finish_snapshot(3);
    sink.commit_next(true);
    const std::map<delete_mode, std::string> expected{
        {delete_mode::hard, "1|newer 3|new 4|new"},
        {delete_mode::soft, "1|newer 3|new 4|new"},
        {delete_mode::ignore, "1|newer 1|old 2|old 3|new 4|new"}};
    const bool soft = removal == delete_mode::soft;
    EXPECT_EQ(rows_of("SELECT id, name FROM items"
                      + std::string(soft ? " WHERE NOT _leat_deleted" : "") + " ORDER BY 1, 2"),
              expected.at(removal));
    EXPECT_EQ(value_of("SELECT count(*) FROM items"), removal == delete_mode::hard ? "3" : "5");
    sink.write(batch_builder(schema).update({3, "new"}, {3, "last"}, old_row_kind::full).build());
    sink.commit_next(true);
    EXPECT_EQ(value_of("SELECT name FROM items WHERE id = 3"), "last");
    EXPECT_EQ(value_of("SELECT count(*) FROM pg_class WHERE relname LIKE 'leat_seen%'"), "0");
  }
}

TEST_F(postgres_sink_test, OldRowsOfATableWithoutAKeyAreAllThereIsWhenAResnapshotIsGivenUp) {
  const auto schema = source_table("items", {{"id", "integer"}, {"name", "text"}}, 0);
  {
    auto sink = open(plain(schema));
    sink.write(batch_builder(schema).insert({1, "old"}).insert({2, "old"}).build());
    sink.commit_next();
    sink.route_writer().begin_snapshot(2);
    sink.write(batch_builder(schema).read({1, "cut short"}).build());
    sink.commit_next(false);
  }
  auto sink = open(plain(schema));
  sink.route_writer().give_up_snapshot(3);
  sink.commit_next(true);
  EXPECT_EQ(value_of("SELECT count(*) FROM pg_class WHERE relname LIKE 'leat_seen%'"), "0");
  sink.write(batch_builder(schema).update({2, "old"}, {2, "newer"}, old_row_kind::full).build());
  sink.commit_next(true);
  EXPECT_EQ(rows_of("SELECT * FROM items ORDER BY 1"), "1|old 2|newer");
}

TEST_F(postgres_sink_test, NothingIsLeftOfAFirstSnapshotWithoutAKeyThatIsGivenUp) {
  auto sink = open(plain(heap()));
  sink.route_writer().begin_snapshot(1);
  sink.write(batch_builder(heap()).read({"1.0", "cut short", "{}", "t"}).build());
  sink.commit_next(false);
  sink.open(postgres::make_target_sink("shop", options()));
  sink.attach(plain(heap()));
  sink.route_writer().give_up_snapshot(2);
  sink.commit_next(true);
  EXPECT_EQ(value_of("SELECT count(*) FROM heap"), "0");
}

TEST_F(postgres_sink_test, GoesOnWithAResnapshotAfterARestart) {
  {
    auto sink = open(plain(named_items()));
    sink.write(batch_builder(named_items()).insert({1, "a"}).insert({2, "b"}).build());
    sink.commit_next();
    sink.route_writer().begin_snapshot(2);
    sink.write(batch_builder(named_items()).read({1, "a"}).build());
    sink.commit_next(false);
    sink.write(batch_builder(named_items()).read({2, "b"}).build());
    sink.target().prepare();
  }
  auto sink = open(plain(named_items()));
  sink.write(batch_builder(named_items()).read({9, "z"}).build());
  sink.route_writer().flush();
  sink.route_writer().finish_snapshot(2);
  sink.commit_next(true);
  EXPECT_EQ(rows_of("SELECT * FROM items ORDER BY 1"), "1|a 9|z");
}

TEST_F(postgres_sink_test, TakesNothingAwayWhenASnapshotIsReplayed) {
  for (const auto& schema :
       {named_items(), source_table("items", {{"id", "integer"}, {"name", "text"}}, 0)}) {
    SetUp();
    {
      auto sink = open(plain(schema));
      sink.route_writer().begin_snapshot(2);
      sink.write(batch_builder(schema).read({1, "a"}).build());
      sink.commit_next(false);
    }
    {
      auto running = open(plain(schema));
      running.route_writer().begin_snapshot(2);
      running.write(batch_builder(schema).read({2, "b"}).build());
      running.route_writer().flush();
      running.route_writer().finish_snapshot(2);
      running.commit_next(true);
    }
    auto ended = open(plain(schema));
    ended.route_writer().begin_snapshot(2);
    ended.write(batch_builder(schema).insert({3, "c"}).build());
    ended.route_writer().flush();
    ended.route_writer().finish_snapshot(2);
    ended.commit_next(true);
    EXPECT_EQ(rows_of("SELECT * FROM items ORDER BY 1"), "1|a 2|b 3|c");
  }
}

TEST_F(postgres_sink_test, HoldsNoTransactionForASnapshotThatWaits) {
  auto sink = open(plain(named_items()));
  sink.route_writer().begin_snapshot(2);
  EXPECT_EQ(value_of("SELECT count(*) FROM pg_stat_activity WHERE state = 'idle in transaction'"),
            "0");
}

// Schema changes (R7)

TEST_F(postgres_sink_test, AddsDropsRenamesAndRetypesColumnsWithinTheEpoch) {
  auto sink = open(plain(named_items()));
  sink.write(batch_builder(named_items()).insert({1, "a"}).build());
  sink.commit_next();
  const auto after =
      items_with({{"id", "bigint"}, {"title", "text"}, {"added", "date"}}, {1, 2, 3});
  sink.route_writer().change_schema(after);
  sink.write(batch_builder(after->schema).insert({5'000'000'000, "b", "2024-02-29"}).build());
  sink.commit_next();
  EXPECT_EQ(rows_of("SELECT id, title, added FROM items ORDER BY 1"),
            "1|a|NULL 5000000000|b|2024-02-29");
  const auto last = items_with({{"id", "bigint"}, {"added", "date"}}, {1, 3});
  sink.route_writer().change_schema(last);
  sink.write(batch_builder(last->schema).update({1, "2024-01-01"}).build());
  sink.commit_next();
  EXPECT_EQ(rows_of("SELECT * FROM items ORDER BY 1"), "1|2024-01-01 5000000000|2024-02-29");
}

TEST_F(postgres_sink_test, AppliesASchemaChangeThatTheTargetHasAlreadyAsNothing) {
  const auto after =
      items_with({{"id", "integer"}, {"title", "text"}, {"added", "date"}}, {1, 2, 3});
  {
    auto sink = open(plain(named_items()));
    sink.route_writer().change_schema(after);
    sink.write(batch_builder(after->schema).insert({1, "a", nullptr}).build());
    sink.commit_next();
  }
  auto sink = open(plain(named_items()));
  sink.route_writer().change_schema(after);
  sink.write(batch_builder(after->schema).insert({2, "b", nullptr}).build());
  EXPECT_THAT(sink.commit_next(), IsEmpty());
  EXPECT_EQ(rows_of("SELECT * FROM items ORDER BY 1"), "1|a|NULL 2|b|NULL");
}

TEST_F(postgres_sink_test, TheRecordTellsTheColumnsThatAreCommitted) {
  const auto before = plain(named_items());
  const auto after = items_with({{"id", "integer"}, {"title", "text"}}, {1, 2});
  {
    auto sink = open(before);
    sink.write(batch_builder(named_items()).insert({1, "a"}).build());
    sink.commit_next();
    sink.route_writer().change_schema(after);
  }
  {
    auto sink = open(before);
    EXPECT_EQ(sink.opened_with->columns.at("items"), columns_record(*before));
    sink.route_writer().change_schema(after);
    sink.commit_next();
  }
  EXPECT_EQ(open(options()).opened_with->columns.at("items"), columns_record(*after));
}

TEST_F(postgres_sink_test, TakesARecordOfFormat1AndNotesTheColumns) {
  const auto r = plain(named_items());
  {
    auto sink = open(r);
    sink.commit_next();
  }
  execute(
      "ALTER TABLE leat_progress_table DROP COLUMN columns; UPDATE leat_progress SET format = 1");
  {
    auto sink = open(r);
    EXPECT_TRUE(sink.opened_with->columns.empty());
    sink.write(batch_builder(named_items()).insert({1, "a"}).build());
    sink.commit_next();
  }
  EXPECT_EQ(open(options()).opened_with->columns.at("items"), columns_record(*r));
}

TEST_F(postgres_sink_test, SwapsTheNamesOfTwoColumns) {
  const auto before = source_table("items", {{"id", "integer"}, {"a", "text"}, {"b", "text"}});
  auto sink = open(plain(before));
  sink.write(batch_builder(before).insert({1, "from a", "from b"}).build());
  sink.route_writer().flush();
  sink.route_writer().change_schema(
      items_with({{"id", "integer"}, {"b", "text"}, {"a", "text"}}, {1, 2, 3}));
  sink.commit_next();
  EXPECT_EQ(rows_of("SELECT a, b FROM items"), "from b|from a");
}

TEST_F(postgres_sink_test, FollowsAKeyThatChanges) {
  auto sink = open(plain(named_items()));
  sink.write(batch_builder(named_items()).insert({1, "a"}).build());
  sink.commit_next();
  auto schema = *named_items();
  schema.key = {1};
  const auto after = plain(std::make_shared<const table_schema>(schema));
  sink.route_writer().change_schema(after);
  sink.write(batch_builder(after->schema).insert({nullptr, "b"}).update({7, "a"}).build());
  sink.commit_next();
  EXPECT_EQ(rows_of("SELECT * FROM items ORDER BY 2"), "7|a NULL|b");
}

} // namespace leat::test
