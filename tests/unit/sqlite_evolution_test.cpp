#include "plugins/sqlite/sink.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "dataflow/error.hpp"
#include "dataflow/table_columns.hpp"
#include "tests/support/batch_builder.hpp"
#include "tests/support/sqlite_fixture.hpp"

namespace leat::sqlite {
namespace {

using test::unchanged;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pair;
using testing::SizeIs;

class SqliteEvolution : public test::sqlite_fixture {
 protected:
  SqliteEvolution() { attach_items(); }
  /// `name` is renamed, `body` dropped, `price` added.
  static route with_title_and_price() {
    return items_with(
        {{"id", 1, value_class::int4}, {"title", 2}, {"price", 4, value_class::numeric}});
  }
};

TEST_F(SqliteEvolution, AddsDropsAndRenamesColumns) {
  write(changes().insert({1, "a", "x"}));
  flush();
  change_schema(with_title_and_price());
  write(changes().insert({2, "b", "9.50"}));
  commit(1);
  EXPECT_THAT(query("SELECT id, title, price FROM items ORDER BY id"),
              ElementsAre(ElementsAre("1", "a", std::nullopt), ElementsAre("2", "b", "9.50")));
  EXPECT_THAT(query("SELECT name FROM pragma_table_info('items')"), SizeIs(3));
}

TEST_F(SqliteEvolution, ASchemaChangeThatIsNotCommittedIsGone) {
  change_schema(items_with({{"id", 1, value_class::int4}}));
  reopen();
  EXPECT_THAT(query("SELECT name FROM pragma_table_info('items')"), SizeIs(3));
}

TEST_F(SqliteEvolution, ASchemaChangeAppliedTwiceDoesNothing) {
  const auto before = test::route_of(test::items());
  const auto after = with_title_and_price();
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

TEST_F(SqliteEvolution, TheRecordTellsTheColumnsThatAreCommitted) {
  write(changes().insert({1, "a", "x"}));
  commit(1);
  const auto before = columns_record(test::route_of(test::items()));
  EXPECT_THAT(reopen()->columns, ElementsAre(Pair("items", before)));
  attach_items();
  change_schema(with_title_and_price());
  EXPECT_THAT(reopen()->columns, ElementsAre(Pair("items", before)));
  attach_items();
  change_schema(with_title_and_price());
  commit(2);
  EXPECT_THAT(reopen()->columns,
              ElementsAre(Pair("items", columns_record(with_title_and_price()))));
}

TEST_F(SqliteEvolution, AColumnThatTookTheNameOfAnotherIsKnownFromIt) {
  write(changes().insert({1, "a", "x"}));
  change_schema(items_with({{"id", 1, value_class::int4}, {"name", 4}, {"body", 3}}));
  write(changes().insert({2, "new", "y"}));
  commit(1);
  // The stream goes back to before that change, and comes to it again.
  const auto columns = reopen()->columns.at("items");
  attach(*as_recorded(test::share(test::route_of(test::items())), columns));
  change_schema(items_with({{"id", 1, value_class::int4}, {"name", 4}, {"body", 3}}));
  commit(2);
  EXPECT_THAT(query("SELECT id, name FROM items ORDER BY id"),
              ElementsAre(ElementsAre("1", std::nullopt), ElementsAre("2", "new")));
}

TEST_F(SqliteEvolution, ARecordOfFormat1IsTakenAndNoted) {
  write(changes().insert({1, "a", "x"}));
  commit(1);
  close();
  execute(
      "ALTER TABLE leat_progress_table DROP COLUMN columns; UPDATE leat_progress SET format = 1");
  EXPECT_THAT(reopen()->columns, IsEmpty());
  attach_items();
  write(changes().insert({2, "b", "x"}));
  commit(2);
  EXPECT_THAT(reopen()->columns,
              ElementsAre(Pair("items", columns_record(test::route_of(test::items())))));
}

TEST_F(SqliteEvolution, ColumnsSwapTheirNames) {
  write(changes().insert({1, "a", "x"}));
  flush();
  change_schema(items_with({{"id", 1, value_class::int4}, {"body", 2}, {"name", 3}}));
  commit(1);
  EXPECT_THAT(query("SELECT body, name FROM items"), ElementsAre(ElementsAre("a", "x")));
}

TEST_F(SqliteEvolution, AnotherTypeMakesTheTableAnewWithItsIndexes) {
  execute("CREATE INDEX by_name ON items (name)");
  write(changes().insert({1, "a", "x"}));
  flush();
  change_schema(items_with({{"id", 1}, {"name", 2}, {"body", 3}}));
  write(changes().insert({"k", "b", "y"}));
  commit(1);
  EXPECT_THAT(query("SELECT id, typeof(id) FROM items ORDER BY id"),
              ElementsAre(ElementsAre("1", "text"), ElementsAre("k", "text")));
  EXPECT_THAT(query("SELECT name FROM sqlite_schema WHERE name = 'by_name'"), SizeIs(1));
}

TEST_F(SqliteEvolution, AnotherKeyMakesTheTableAnew) {
  write(changes().insert({1, "a", "x"}).insert({2, "b", "y"}));
  flush();
  change_schema(items_with({{"id", 1, value_class::int4}, {"name", 2}, {"body", 3}}, "name"));
  write(changes().update({9, "a", unchanged}));
  EXPECT_THAT(commit(1), IsEmpty());
  EXPECT_THAT(query("SELECT id, name, body FROM items ORDER BY id"),
              ElementsAre(ElementsAre("2", "b", "y"), ElementsAre("9", "a", "x")));
}

} // namespace
} // namespace leat::sqlite
