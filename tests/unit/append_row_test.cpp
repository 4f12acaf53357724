#include "dataflow/append_row.hpp"

#include <optional>
#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/items.hpp"

namespace leat {
namespace {

using test::absent;
using test::batch_builder;
using test::items;
using test::row;
using test::unchanged;
using testing::ElementsAre;
using testing::IsEmpty;

/// What the one change of a batch shows: its letter, a text a column ("NULL", "-" for none), and
/// the missing columns.
struct shown {
  std::string op;
  std::vector<std::string> cells;
  std::vector<std::string> missing;
};

shown show(batch_builder& built, const route& r) {
  const auto rows = built.build();
  const append_row made(*rows, rows->changes.at(0));
  shown s{std::string(made.op()), {}, {}};
  for (const auto& column : r.columns) {
    const auto* c = made.at(column.source);
    s.cells.push_back(c == nullptr ? "-" : c->is_null() ? "NULL" : std::string(rows->text(*c)));
  }
  for (const auto name : made.missing(r)) s.missing.emplace_back(name);
  return s;
}

shown show(batch_builder& built) { return show(built, test::route_of(items())); }

class AppendRow : public testing::Test {
 protected:
  batch_builder change{items()};
};

TEST_F(AppendRow, AnInsertAndARowOfASnapshotShowTheirRow) {
  const auto inserted = show(change.insert({1, "a", nullptr}));
  EXPECT_EQ(inserted.op, "i");
  EXPECT_THAT(inserted.cells, ElementsAre("1", "a", "NULL"));
  EXPECT_THAT(inserted.missing, IsEmpty());
  batch_builder chunk(items());
  EXPECT_EQ(show(chunk.read({1, "a", "x"})).op, "r");
}

TEST_F(AppendRow, TheTimeIsThatOfTheCommitAndARowOfASnapshotHasNone) {
  const auto changed = change.begin(7, 1234).insert({1, "a", "x"}).build();
  EXPECT_EQ(append_row(*changed, changed->changes[0]).time(), 1234);
  const auto read = batch_builder(items()).read({1, "a", "x"}).build();
  EXPECT_EQ(append_row(*read, read->changes[0]).time(), std::nullopt);
}

TEST_F(AppendRow, AnUpdateNamesTheCellsThatDidNotCome) {
  const auto s = show(change.update({1, unchanged, "x"}));
  EXPECT_EQ(s.op, "u");
  EXPECT_THAT(s.cells, ElementsAre("1", "-", "x"));
  EXPECT_THAT(s.missing, ElementsAre("name"));
}

TEST_F(AppendRow, AFullOldRowFillsTheCellsThatDidNotCome) {
  const auto s = show(change.update({1, "a", "x"}, {1, unchanged, nullptr}, old_row_kind::full));
  EXPECT_THAT(s.cells, ElementsAre("1", "a", "NULL"));
  EXPECT_THAT(s.missing, IsEmpty());
}

TEST_F(AppendRow, AnOldKeyFillsNothing) {
  // The old key of a key change holds values under which the new row is not found.
  const auto s = show(change.update({1, "a", absent}, {2, unchanged, "y"}));
  EXPECT_THAT(s.cells, ElementsAre("2", "-", "y"));
  EXPECT_THAT(s.missing, ElementsAre("name"));
}

TEST_F(AppendRow, ADeleteShowsWhatItsOldRowHolds) {
  const auto s = show(change.remove({1, absent, absent}));
  EXPECT_EQ(s.op, "d");
  EXPECT_THAT(s.cells, ElementsAre("1", "-", "-"));
  EXPECT_THAT(s.missing, ElementsAre("name", "body"));
  batch_builder full(items());
  EXPECT_THAT(show(full.remove({1, "a", "x"}, old_row_kind::full)).missing, IsEmpty());
}

TEST_F(AppendRow, ATruncateHasNoCellsAndMissesNone) {
  const auto s = show(change.truncate());
  EXPECT_EQ(s.op, "t");
  EXPECT_THAT(s.cells, ElementsAre("-", "-", "-"));
  EXPECT_THAT(s.missing, IsEmpty());
}

TEST(AppendSeq, IsTheIndexOfAChangeAndCountsTheRowsOfAChunk) {
  const auto r = test::route_of(items());
  change c;
  c.kind = change_kind::update;
  c.index = 5;
  EXPECT_EQ(append_seq(r, c), 5U);
  c.kind = change_kind::read;
  c.index = (3ULL << 32) + 7;
  EXPECT_EQ(append_seq(r, c), append_seq_of_chunk(r, 3) + 7);
}

TEST(AppendSeq, OfChunksOfMergedTablesIsNeverTheSame) {
  std::set<std::uint64_t> seen;
  for (const route_id own : {2U, 5U, 6U}) {
    auto r = test::route_of(items(), own);
    for (const route_id other : {2U, 5U, 6U})
      if (other != own) r.beside.push_back(other);
    for (std::uint64_t chunk = 1; chunk <= 10; ++chunk)
      EXPECT_TRUE(seen.insert(append_seq_of_chunk(r, chunk)).second) << own << ", " << chunk;
  }
}

TEST_F(AppendRow, OnlyColumnsOfTheRouteAreMissingAndByTheirNamesThere) {
  auto r = test::route_of(items());
  r.columns = {{"number", 0}, {"title", 1}};
  EXPECT_THAT(show(change.update({1, unchanged, unchanged}), r).missing, ElementsAre("title"));
}

} // namespace
} // namespace leat
