#include <gmock/gmock.h>

#include <chrono>

#include "tests/integration/postgres_sink_fixture.hpp"

namespace leat::test {

namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

schema_ptr priced_items() {
  return source_table("items", {{"id", "integer"}, {"name", "text"}, {"price", "numeric(12,2)"}});
}

route_ptr with_deletes(const schema_ptr& schema, delete_mode removal) {
  auto r = route_of(schema);
  r.removal = removal;
  return share(std::move(r));
}

} // namespace

TEST_F(postgres_sink_test, MakesAMissingTableWithTheSourcesTypesAndKey) {
  auto sink = open(plain(priced_items()));
  EXPECT_EQ(
      rows_of("SELECT attname, format_type(atttypid, atttypmod), attnotnull FROM pg_attribute "
              "WHERE attrelid = 'items'::regclass AND attnum > 0 ORDER BY attnum"),
      "id|integer|t name|text|f price|numeric(12,2)|f");
  EXPECT_EQ(value_of("SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE contype = 'p' AND "
                     "conrelid = 'items'::regclass"),
            "PRIMARY KEY (id)");
}

TEST_F(postgres_sink_test, AppliesInsertsUpdatesAndDeletes) {
  auto sink = open(plain(priced_items()));
  sink.write(batch_builder(priced_items())
                 .insert({1, "pen", "1.50"})
                 .insert({2, nullptr, nullptr})
                 .build());
  sink.commit_next();
  EXPECT_EQ(rows_of("SELECT * FROM items ORDER BY 1"), "1|pen|1.50 2|NULL|NULL");
  sink.write(batch_builder(priced_items())
                 .update({1, "pencil", "1.75"})
                 .remove({2, absent, absent})
                 .insert({3, "", "3.00"})
                 .build());
  sink.commit_next();
  EXPECT_EQ(rows_of("SELECT * FROM items ORDER BY 1"), "1|pencil|1.75 3||3.00");
}

TEST_F(postgres_sink_test, ShowsNothingOfAnEpochBeforeItIsCommitted) {
  {
    auto sink = open(plain(priced_items()));
    sink.write(batch_builder(priced_items()).insert({1, "pen", "1.50"}).build());
    sink.target().prepare();
    EXPECT_EQ(value_of("SELECT count(*) FROM items"), "0");
  }
  EXPECT_EQ(value_of("SELECT count(*) FROM items"), "0");
}

TEST_F(postgres_sink_test, ReadsItsProgressBackAsItWasCommitted) {
  {
    auto sink = open(plain(priced_items()));
    EXPECT_FALSE(sink.opened_with.has_value());
    sink.held.last_chunk = {{"ite\"ms", (2ULL << 32) + 7}};
    sink.commit_next(false);
    sink.commit_next(true);
  }
  auto again = open(plain(priced_items()));
  ASSERT_TRUE(again.opened_with.has_value());
  EXPECT_EQ(again.opened_with->pipeline_id, "id-of-shop");
  EXPECT_EQ(again.opened_with->epoch, 2U);
  EXPECT_EQ(again.opened_with->position, commit_lsn{200});
  EXPECT_TRUE(again.opened_with->consistent);
  EXPECT_EQ(again.opened_with->last_chunk.at("ite\"ms"), (2ULL << 32) + 7);
  EXPECT_EQ(
      rows_of("SELECT pipeline, target, epoch, commit_lsn, consistent, committed_at > now() - "
              "interval '1 minute' FROM leat_progress"),
      "shop|*|2|0/C8|t|t");
}

TEST_F(postgres_sink_test, KeepsHostileNamesAndValues) {
  const std::string name = "We\"ird Таблица";
  const auto schema = source_table(name, {{"k\"ey", "text"}, {"v a'l\\", "text"}});
  auto r = route_of(schema);
  r.target = "sch\"ema." + name;
  auto sink = open(share(r));
  const std::string hostile = "a\tb\nc\\d\re\\N'\"{},";
  sink.write(batch_builder(schema).insert({hostile, hostile}).insert({"\\.", "NULL"}).build());
  batch_builder many(schema);
  for (int i = 0; i < 100; ++i) many.insert({hostile + std::to_string(i), hostile});
  sink.commit_next();
  sink.write(many.build());
  sink.commit_next();
  const auto table = "\"sch\"\"ema\".\"We\"\"ird Таблица\"";
  EXPECT_EQ(value_of(std::string("SELECT count(*) FROM ") + table), "102");
  const auto read =
      server().query(std::string("SELECT * FROM ") + table + " WHERE \"k\"\"ey\" IN ('\\.', $$"
                         + hostile + "99$$) ORDER BY length(\"k\"\"ey\")",
                     database_);
  ASSERT_EQ(read.size(), 2U);
  EXPECT_EQ(read[0], (text_row{"\\.", "NULL"}));
  EXPECT_EQ(read[1], (text_row{hostile + "99", hostile}));
}

TEST_F(postgres_sink_test, UpdatesOnlyTheCellsThatCame) {
  auto sink = open(plain(priced_items()));
  sink.write(
      batch_builder(priced_items()).insert({1, "pen", "1.50"}).insert({2, "cup", "9.00"}).build());
  sink.commit_next();
  sink.write(batch_builder(priced_items())
                 .update({1, unchanged, "2.50"})
                 .update({2, "mug", unchanged})
                 .build());
  EXPECT_THAT(sink.commit_next(), IsEmpty());
  EXPECT_EQ(rows_of("SELECT * FROM items ORDER BY 1"), "1|pen|2.50 2|mug|9.00");
}

TEST_F(postgres_sink_test, ReportsRowsThatItCannotCompleteAndInsertsNoneOfThem) {
  auto sink = open(plain(priced_items()));
  sink.commit_next();
  sink.write(batch_builder(priced_items())
                 .update({1, unchanged, "2.50"})
                 .update({7, absent, absent}, {8, unchanged, "2.50"})
                 .build());
  EXPECT_THAT(sink.commit_next(),
              ::testing::UnorderedElementsAre(ElementsAre("1"), ElementsAre("8")));
  EXPECT_EQ(value_of("SELECT count(*) FROM items"), "0");
}

TEST_F(postgres_sink_test, MovesRowsWithTheirUnchangedCellsAlsoWhenKeysSwap) {
  auto sink = open(plain(priced_items()));
  sink.write(batch_builder(priced_items())
                 .insert({1, "one", "1.00"})
                 .insert({2, nullptr, "2.00"})
                 .build());
  sink.commit_next();
  sink.write(batch_builder(priced_items())
                 .update({1, absent, absent}, {9, unchanged, unchanged})
                 .update({2, absent, absent}, {1, unchanged, "2.50"})
                 .update({9, absent, absent}, {2, unchanged, unchanged})
                 .build());
  EXPECT_THAT(sink.commit_next(), IsEmpty());
  EXPECT_EQ(rows_of("SELECT * FROM items ORDER BY 1"), "1|NULL|2.50 2|one|1.00");
}

TEST_F(postgres_sink_test, LosesNothingWhenRowsThatLookNewAreThereAlready) {
  auto sink = open(plain(priced_items()));
  sink.write(batch_builder(priced_items()).insert({50, "stream", "1.00"}).build());
  sink.commit_next(false);
  batch_builder chunk(priced_items());
  for (int i = 0; i < 200; ++i) chunk.read({i, "chunk", "2.00"});
  sink.write(chunk.build());
  sink.commit_next(false);
  EXPECT_EQ(rows_of("SELECT name, count(*) FROM items GROUP BY 1"), "chunk|200");
}

TEST_F(postgres_sink_test, TruncatesBeforeWhatFollows) {
  auto sink = open(plain(priced_items()));
  sink.write(
      batch_builder(priced_items()).insert({1, "old", "1.00"}).insert({2, "old", "1.00"}).build());
  sink.commit_next();
  sink.write(batch_builder(priced_items()).truncate().insert({2, "new", "2.00"}).build());
  sink.commit_next();
  EXPECT_EQ(rows_of("SELECT * FROM items"), "2|new|2.00");
}

TEST_F(postgres_sink_test, MarksRowsInsteadOfDeletingThemWhenDeletesAreSoft) {
  auto sink = open(with_deletes(priced_items(), delete_mode::soft));
  sink.write(batch_builder(priced_items())
                 .insert({1, "pen", "1.00"})
                 .insert({2, "cup", "1.00"})
                 .insert({3, "hat", "1.00"})
                 .remove({3, absent, absent})
                 .build());
  sink.commit_next();
  sink.write(batch_builder(priced_items()).remove({1, absent, absent}).build());
  sink.commit_next();
  EXPECT_EQ(rows_of("SELECT id, name, _leat_deleted FROM items ORDER BY 1"),
            "1|pen|t 2|cup|f 3|hat|t");
  sink.write(batch_builder(priced_items()).insert({1, "back", "1.00"}).build());
  sink.commit_next();
  EXPECT_EQ(rows_of("SELECT id, name, _leat_deleted FROM items ORDER BY 1"),
            "1|back|f 2|cup|f 3|hat|t");
  sink.write(batch_builder(priced_items()).truncate().build());
  sink.commit_next();
  EXPECT_EQ(value_of("SELECT count(*) FROM items WHERE _leat_deleted"), "3");
}

TEST_F(postgres_sink_test, ReportsUpdatesOfSoftDeletedRowsAsMissing) {
  auto sink = open(with_deletes(priced_items(), delete_mode::soft));
  sink.write(batch_builder(priced_items()).insert({1, "gone", "1.00"}).build());
  sink.commit_next();
  sink.write(batch_builder(priced_items()).remove({1, absent, absent}).build());
  sink.commit_next();
  sink.write(batch_builder(priced_items()).update({1, unchanged, "2.00"}).build());
  EXPECT_THAT(sink.commit_next(), ElementsAre(ElementsAre("1")));
  EXPECT_EQ(rows_of("SELECT * FROM items"), "1|gone|1.00|t");
}

TEST_F(postgres_sink_test, IgnoresDeletesWhenTold) {
  auto sink = open(with_deletes(priced_items(), delete_mode::ignore));
  sink.write(
      batch_builder(priced_items()).insert({1, "pen", "1.00"}).insert({2, "cup", "1.00"}).build());
  sink.commit_next();
  sink.write(batch_builder(priced_items()).remove({1, absent, absent}).truncate().build());
  sink.commit_next();
  EXPECT_EQ(value_of("SELECT count(*) FROM items"), "2");
}

TEST_F(postgres_sink_test, DoesNotGoThroughATableThatWasTinyAtItsFirstChange) {
  auto sink = open(plain(priced_items()));
  sink.write(batch_builder(priced_items()).insert({1, "first", "1.00"}).build());
  sink.commit_next();
  execute("ALTER TABLE items SET (autovacuum_enabled = off); ANALYZE items");
  sink.write(batch_builder(priced_items()).update({1, "second", unchanged}).build());
  sink.commit_next();
  batch_builder many(priced_items()), changed(priced_items());
  for (int i = 2; i < 20000; ++i) {
    many.insert({i, "many", "1.00"});
    changed.update({i, "changed", unchanged});
  }
  sink.write(many.build());
  sink.commit_next();
  const auto begun = std::chrono::steady_clock::now();
  sink.write(changed.build());
  sink.commit_next();
  // 400 million comparisons take a minute.
  EXPECT_LT(std::chrono::steady_clock::now() - begun, std::chrono::seconds(10));
  EXPECT_EQ(value_of("SELECT count(*) FROM items WHERE name = 'changed' AND price = 1"), "19998");
}

} // namespace leat::test
