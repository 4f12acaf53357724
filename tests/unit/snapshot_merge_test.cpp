#include "dataflow/snapshot_merge.hpp"

#include <gtest/gtest.h>

#include <string_view>

namespace leat {
namespace {

constexpr std::uint16_t key_columns[] = {0};
constexpr std::size_t plenty = std::size_t{1} << 20;

// Changes of a table (id, note) whose key is id.
class changes {
 public:
  changes() {
    table_schema s;
    s.name = "t";
    s.columns.resize(2);
    s.key = {0};
    rows_.tables.push_back(std::make_shared<const table_schema>(std::move(s)));
  }

  changes& of(std::uint32_t xid) {
    rows_.transactions.push_back({.xid = xid, .commit = commit_lsn{xid}});
    return *this;
  }
  changes& insert(std::string_view key) { return add(change_kind::insert, {}, key); }
  changes& update(std::string_view key) { return add(change_kind::update, {}, key); }
  changes& move(std::string_view from, std::string_view to) {
    return add(change_kind::update, from, to);
  }
  changes& remove(std::string_view key) { return add(change_kind::remove, key, {}); }
  changes& read(std::string_view key) { return add(change_kind::read, {}, key); }
  changes& truncate() { return add(change_kind::truncate, {}, {}); }
  changes& update_with_unchanged_key() {
    add(change_kind::update, {}, "?");
    rows_.cells[rows_.changes.back().new_row] = batch::make_state(cell_state::unchanged);
    return *this;
  }

  const batch& rows() const { return rows_; }
  std::vector<std::uint32_t> all() const {
    std::vector<std::uint32_t> indexes(rows_.changes.size());
    for (std::uint32_t i = 0; i < indexes.size(); ++i) indexes[i] = i;
    return indexes;
  }

 private:
  std::uint32_t row(std::string_view key) {
    if (key.empty()) return change::no_row;
    rows_.cells.push_back(rows_.add_value(key));
    rows_.cells.push_back(batch::make_state(cell_state::null));
    return static_cast<std::uint32_t>(rows_.cells.size() - 2);
  }
  changes& add(change_kind kind, std::string_view old_key, std::string_view new_key) {
    change c{.kind = kind};
    c.transaction = static_cast<std::uint32_t>(rows_.transactions.size() - 1);
    c.old_row = row(old_key);
    c.new_row = row(new_key);
    rows_.changes.push_back(c);
    return *this;
  }

  batch rows_;
};

void pass(snapshot_merge& merge, const changes& c) { merge.pass(c.rows(), c.all(), key_columns); }

// A snapshot in which `running` and everything from `next` on is not visible.
xid_snapshot snapshot(std::uint64_t next, std::vector<std::uint64_t> running = {}) {
  return {running.empty() ? next : running.front(), next, running};
}

// Which of the rows a, b, c a chunk read with `seen` brings; "refused" when it has to be read
// again.
std::string chunk(snapshot_merge& merge, const xid_snapshot& seen) {
  const auto filter = merge.admit(merge.open(), seen);
  if (!filter) return "refused";
  const auto rows = changes().of(0).read("a").read("b").read("c");
  std::string chosen;
  for (const auto i : filter->select(rows.rows(), key_columns)) chosen += "abc"[i];
  return chosen;
}

TEST(SnapshotMerge, LetsAChunkPassWhenNothingElseDid) {
  snapshot_merge merge(plenty);
  EXPECT_EQ(chunk(merge, snapshot(100)), "abc");
}

TEST(SnapshotMerge, DropsRowsThatATransactionTheChunkDoesNotSeeHasChanged) {
  snapshot_merge merge(plenty);
  pass(merge, changes().of(100).update("a").remove("c"));
  EXPECT_EQ(chunk(merge, snapshot(100)), "b");
}

TEST(SnapshotMerge, KeepsRowsOfTransactionsTheChunkSees) {
  snapshot_merge merge(plenty);
  pass(merge, changes().of(100).update("a").of(101).update("b"));
  EXPECT_EQ(chunk(merge, snapshot(102, {100})), "bc");
}

TEST(SnapshotMerge, TakesAMovedRowAwayUnderItsOldKey) {
  snapshot_merge merge(plenty);
  pass(merge, changes().of(100).move("b", "z"));
  EXPECT_EQ(chunk(merge, snapshot(100)), "ac");
}

TEST(SnapshotMerge, DropsEveryRowBeforeATruncateTheChunkDoesNotSee) {
  snapshot_merge merge(plenty);
  pass(merge, changes().of(100).update("a").truncate().insert("b"));
  EXPECT_EQ(chunk(merge, snapshot(100)), "");
  EXPECT_EQ(chunk(merge, snapshot(101)), "abc");
}

TEST(SnapshotMerge, RemembersATransactionUntilASnapshotSeesIt) {
  snapshot_merge merge(plenty);
  pass(merge, changes().of(100).update("a"));
  EXPECT_EQ(chunk(merge, snapshot(105, {100})), "bc");
  EXPECT_EQ(merge.touched().size(), 1U);
  merge.learn(merge.open(), snapshot(105));
  EXPECT_TRUE(merge.touched().empty());
  EXPECT_EQ(merge.bytes(), 0U);
}

TEST(SnapshotMerge, RemembersWhatAnOlderChunkOnItsWayDoesNotSee) {
  snapshot_merge merge(plenty);
  const auto older = merge.open();
  pass(merge, changes().of(100).update("a"));
  merge.learn(merge.open(), snapshot(101));
  const auto filter = merge.admit(older, snapshot(100));
  ASSERT_TRUE(filter.has_value());
  const auto rows = changes().of(0).read("a");
  EXPECT_TRUE(filter->select(rows.rows(), key_columns).empty());
  merge.learn(merge.open(), snapshot(101));
  EXPECT_EQ(merge.bytes(), 0U);
}

TEST(SnapshotMerge, DropsRowsOfTransactionsOfAnySize) {
  snapshot_merge merge(std::size_t{64} << 20);
  for (std::uint32_t xid = 100; xid < 112; ++xid) {
    changes big;
    big.of(xid);
    for (int i = 0; i < 5000; ++i) big.update(std::to_string(i));
    if (xid == 104 || xid == 111) big.update(xid == 104 ? "a" : "b");
    pass(merge, big);
  }
  EXPECT_EQ(chunk(merge, snapshot(100)), "c");
  EXPECT_EQ(chunk(merge, snapshot(112, {111})), "ac");
}

TEST(SnapshotMerge, RemembersNothingThatEverySnapshotToComeSees) {
  snapshot_merge merge(plenty);
  merge.learn(merge.open(), snapshot(200));
  pass(merge, changes().of(100).update("a"));
  EXPECT_EQ(merge.bytes(), 0U);
  EXPECT_EQ(chunk(merge, snapshot(200)), "abc");
}

TEST(SnapshotMerge, IgnoresSnapshotsFromBeforeTheSourceRestarted) {
  snapshot_merge merge(plenty);
  merge.learn(merge.open(), snapshot(200));
  const auto lost = merge.open();
  merge.source_restarted();
  pass(merge, changes().of(150).update("a"));
  EXPECT_FALSE(merge.admit(lost, snapshot(200)).has_value());
  EXPECT_EQ(chunk(merge, snapshot(150)), "bc");
}

TEST(SnapshotMerge, ReadsAChunkAgainWhenItForgotWhichKeysWereTouched) {
  snapshot_merge merge(1000);
  changes big;
  big.of(100);
  for (int i = 0; i < 200; ++i) big.update(std::to_string(i));
  pass(merge, big);
  pass(merge, changes().of(101).update("a"));
  EXPECT_LE(merge.bytes(), 1000U);
  EXPECT_EQ(chunk(merge, snapshot(102, {100, 101})), "refused");
  EXPECT_EQ(chunk(merge, snapshot(102, {101})), "bc") << "the small one is still known";
}

TEST(SnapshotMerge, StaysBoundedUnderAnyNumberOfTransactions) {
  snapshot_merge merge(4000);
  const auto chunk_to_come = merge.open();
  for (std::uint32_t xid = 4294967000U; xid != 5000U; ++xid) {
    pass(merge, changes().of(xid).update("a"));
    ASSERT_LE(merge.bytes(), 4000U);
  }
  const std::uint64_t lap = std::uint64_t{1} << 32;
  EXPECT_FALSE(merge.admit(chunk_to_come, snapshot(lap + 4000)).has_value());
  EXPECT_EQ(chunk(merge, snapshot(lap + 5000, {lap + 3})), "refused")
      << "which ones is not known any more";
  EXPECT_EQ(chunk(merge, snapshot(lap + 5000)), "abc");
}

TEST(SnapshotMerge, ATruncateNeedsNoMemory) {
  snapshot_merge merge(200);
  pass(merge, changes().of(100).update("a").update("b").truncate());
  EXPECT_EQ(chunk(merge, snapshot(100)), "");
}

TEST(SnapshotMerge, WaitsForATransactionWhoseKeyDidNotCome) {
  snapshot_merge merge(plenty);
  pass(merge, changes().of(100).update_with_unchanged_key());
  EXPECT_EQ(chunk(merge, snapshot(100)), "refused");
  EXPECT_EQ(chunk(merge, snapshot(101)), "abc");
}

TEST(SnapshotMerge, GoesOnFromACheckpoint) {
  snapshot_merge merge(plenty);
  pass(merge, changes().of(100).update("a").of(101).truncate().of(102).update("b"));
  merge.learn(merge.open(), snapshot(103, {100}));
  snapshot_merge next(plenty);
  next.restore(merge.touched());
  EXPECT_EQ(next.touched(), merge.touched());
  EXPECT_EQ(chunk(next, snapshot(103, {100})), "bc");
}

TEST(SnapshotMerge, GoesOnFromACheckpointThatForgotKeys) {
  snapshot_merge merge(300);
  for (std::uint32_t xid = 100; xid < 120; ++xid) pass(merge, changes().of(xid).update("a"));
  snapshot_merge next(300);
  next.restore(merge.touched());
  EXPECT_EQ(chunk(next, snapshot(120, {110})), "refused");
  EXPECT_EQ(chunk(next, snapshot(120)), "abc");
}

TEST(KeySet, HoldsWhatWasInsertedAndNothingElse) {
  key_set set;
  for (std::uint64_t i = 0; i < 1000; ++i) EXPECT_TRUE(set.insert({i % 10, i}));
  for (std::uint64_t i = 0; i < 1000; ++i) EXPECT_FALSE(set.insert({i % 10, i}));
  EXPECT_EQ(set.size(), 1000U);
  EXPECT_TRUE(set.contains({0, 0}));
  EXPECT_FALSE(set.contains({0, 1001}));
  EXPECT_FALSE(key_set{}.contains({0, 0}));
}

TEST(KeySet, EqualsOneWithTheSameKeysInAnotherOrder) {
  key_set a, b;
  for (std::uint64_t i = 0; i < 100; ++i) a.insert({i, 1});
  for (std::uint64_t i = 100; i-- > 0;) b.insert({i, 1});
  EXPECT_EQ(a, b);
  b.insert({100, 1});
  EXPECT_FALSE(a == b);
}

} // namespace
} // namespace leat
