#include "dataflow/batch_spool.hpp"

#include <gtest/gtest.h>

#include "dataflow/error.hpp"
#include "tests/support/snapshot_builder.hpp"
#include "tests/support/temp_directory.hpp"

// Design rules R5.7 and R9: what waits for the rows of a table without a key waits on disk.

namespace leat::test {

namespace {

using strings = std::vector<std::string>;

constexpr std::size_t plenty = std::size_t{1} << 30;

schema_ptr pairs() {
  static const auto schema = table("public.pairs")
                                 .column("a", value_class::text)
                                 .column("b", value_class::text)
                                 .replica_full()
                                 .build();
  return schema;
}

/// A change with its transaction and place, as a person writes it.
strings said(const batch_ptr& rows) {
  strings out;
  for (const auto& c : rows->changes) {
    auto text = std::to_string(rows->transaction_of(c).xid) + "/" + std::to_string(c.index) + " "
                + text_of(*rows, c);
    if (c.kind == change_kind::update)
      for (const auto& v : rows->old_row(c)) text += " <" + std::string(rows->text(v)) + ">";
    out.push_back(text);
  }
  return out;
}

class BatchSpool : public testing::Test {
 protected:
  temp_directory directory_;
  std::shared_ptr<spill_area> area_ =
      std::make_shared<spill_area>(directory_.path(), std::uint64_t{64} << 20);
  batch_spool spool_{area_};
};

TEST_F(BatchSpool, GivesBackWhatWasPutIn) {
  batch_builder b(pairs());
  b.begin(100, 7, 900).insert({"1", nullptr}).remove({"", "x"}, old_row_kind::full);
  b.begin(101, 8, 901).update({"1", "y"}, {"2", unchanged}, old_row_kind::full).truncate();
  spool_.push(*b.build());
  const auto back = spool_.pop(pairs(), plenty);
  EXPECT_EQ(said(back), (strings{"900/0 insert 1 null", "900/1 remove  x", "901/0 update 2 <1> <y>",
                                 "901/1 truncate"}));
  EXPECT_EQ(back->transactions[0].commit, commit_lsn{100});
  EXPECT_EQ(back->transactions[1].commit_time, 8);
  EXPECT_EQ(back->new_row(back->changes[2])[1].state(), cell_state::unchanged);
  EXPECT_EQ(back->changes[1].old_kind, old_row_kind::full);
  EXPECT_TRUE(spool_.empty());
  EXPECT_EQ(spool_.pop(pairs(), plenty), nullptr);
}

TEST_F(BatchSpool, KeepsOfABatchOnlyTheChangesThatWereChosen) {
  batch_builder b(pairs());
  b.begin(100, 0, 900).insert({"1", "a"}).insert({"2", std::string(100000, 'b')});
  b.begin(101, 0, 901).insert({"3", "c"}).insert({"4", "d"});
  const auto rows = b.build();
  const std::uint32_t chosen[] = {0, 3};
  spool_.push(*rows, chosen);
  EXPECT_LT(spool_.bytes(), 1000U);
  EXPECT_EQ(said(spool_.pop(pairs(), plenty)), (strings{"900/0 insert 1 a", "901/1 insert 4 d"}));
}

TEST_F(BatchSpool, JoinsSmallPiecesUpToASizeInTheirOrder) {
  for (int i = 0; i < 1000; ++i) {
    batch_builder b(pairs());
    b.begin(100, 0, static_cast<std::uint32_t>(i)).insert({std::to_string(i), "some text"});
    spool_.push(*b.build());
  }
  int expected = 0;
  int batches = 0;
  while (const auto rows = spool_.pop(pairs(), 10000)) {
    EXPECT_LT(rows->bytes(), 11000U);
    for (const auto& line : said(rows)) {
      const auto n = std::to_string(expected++);
      ASSERT_EQ(line, n + "/0 insert " + n + " some text");
    }
    ++batches;
  }
  EXPECT_EQ(expected, 1000);
  EXPECT_LT(batches, 20);
}

TEST_F(BatchSpool, IsWrittenAndReadInTurns) {
  std::uint32_t written = 0;
  std::uint32_t read = 0;
  for (int round = 0; round < 200; ++round) {
    for (int i = 0; i < 3; ++i) {
      batch_builder b(pairs());
      b.begin(1, 0, written++).insert({"x", std::string(5000, 'y')});
      spool_.push(*b.build());
    }
    const auto oldest = spool_.pop(pairs(), 1);
    for (const auto& t : oldest->transactions) ASSERT_EQ(t.xid, read++);
  }
  while (const auto rows = spool_.pop(pairs(), plenty))
    for (const auto& t : rows->transactions) ASSERT_EQ(t.xid, read++);
  EXPECT_EQ(read, written);
  EXPECT_EQ(area_->bytes(), 0U);
}

TEST_F(BatchSpool, SaysWhichSettingIsTooSmall) {
  batch_builder b(pairs());
  b.begin(1).insert({"x", std::string(std::size_t{65} << 20, 'y')});
  const auto rows = b.build();
  try {
    spool_.push(*rows);
    FAIL() << "it was taken";
  } catch (const error& e) {
    EXPECT_EQ(e.kind(), error_kind::state);
    EXPECT_NE(e.remedy().find("limits.spill"), std::string::npos);
  }
}

TEST_F(BatchSpool, LeavesNothingBehind) {
  {
    batch_spool other(area_);
    batch_builder b(pairs());
    b.begin(1).insert({"x", std::string(1000000, 'y')});
    other.push(*b.build());
    EXPECT_GT(area_->bytes(), 0U);
  }
  EXPECT_EQ(area_->bytes(), 0U);
  EXPECT_TRUE(std::filesystem::is_empty(directory_.path()));
}

} // namespace

} // namespace leat::test
