#include "dataflow/snapshot_driver.hpp"

#include <gtest/gtest.h>

#include "tests/support/snapshot_builder.hpp"

// Design rules R5.3 and R9: what all tables' merges remember is bounded together.

namespace leat::test {

namespace {

constexpr std::size_t budget = 100'000;

schema_ptr numbered_table(oid id) {
  return table("public.t" + std::to_string(id))
      .id(id)
      .column("id", value_class::text)
      .key({"id"})
      .build();
}

class SnapshotDriver : public testing::Test {
 protected:
  void pass_updates(oid id, std::uint32_t xid, int keys) {
    batch_builder b(snapshots_.find(id)->schema());
    b.begin(xid, 0, xid);
    for (int i = 0; i < keys; ++i) b.update({i});
    const auto rows = b.build();
    snapshots_.pass(id, *rows, all_changes(*rows));
  }
  /// Of all tables.
  std::size_t remembered(oid tables) const {
    std::size_t all = 0;
    for (oid id = 1; id <= tables; ++id) all += snapshots_.find(id)->merge().bytes();
    return all;
  }
  /// The next request for a chunk; its bounds are in a checkpoint.
  std::optional<read_request> next_read() {
    while (const auto request = snapshots_.next()) {
      if (const auto* read = std::get_if<read_request>(&*request)) return *read;
      if (std::holds_alternative<probe_request>(*request)) snapshots_.probed(probe(100));
      if (const auto* plan = std::get_if<plan_request>(&*request)) {
        snapshots_.planned(*plan, plan_split_at({}));
        snapshots_.passed(1, wal_lsn{1});
        snapshots_.completed(1);
      }
    }
    return std::nullopt;
  }

  snapshot_driver snapshots_{{.key_bytes = budget}};
};

TEST_F(SnapshotDriver, NewBoundsOfAChunkThatIsTooLargeHurryTheCheckpointTheyWaitFor) {
  snapshots_.begin(numbered_table(1), 1, {});
  const auto request = next_read();
  ASSERT_TRUE(request);
  snapshots_.take_hurry();
  snapshots_.chunk_read(*request, failed_chunk(chunk_failure::too_large, 0, {"5"}));
  EXPECT_TRUE(snapshots_.take_hurry());
}

TEST_F(SnapshotDriver, RemembersNoMoreKeysOfManyTablesThanOfOne) {
  constexpr oid tables = 50;
  for (oid id = 1; id <= tables; ++id) snapshots_.begin(numbered_table(id), 1, {});
  for (std::uint32_t xid = 200; xid < 220; ++xid)
    for (oid id = 1; id <= tables; ++id) {
      pass_updates(id, xid, 100);
      ASSERT_LE(remembered(tables), budget);
    }
  EXPECT_GT(remembered(tables), budget / 4);
}

TEST_F(SnapshotDriver, WhatACheckpointRemembersOfManyTablesIsBoundedToo) {
  constexpr oid tables = 50;
  snapshot_table one(numbered_table(1), 1, {}, budget);
  batch_builder b(one.schema());
  b.begin(1, 0, 200);
  for (int i = 0; i < 500; ++i) b.update({i});
  const auto rows = b.build();
  one.pass(*rows, all_changes(*rows));
  for (oid id = 1; id <= tables; ++id)
    snapshots_.restore(numbered_table(id), one.checkpoint_state());
  EXPECT_LE(remembered(tables), budget);
}

TEST_F(SnapshotDriver, ABusyTableMakesNoSmallOneRepeatItsChunks) {
  snapshots_.begin(numbered_table(1), 1, {});
  const auto small = next_read();
  ASSERT_TRUE(small.has_value());
  pass_updates(1, 200, 1);
  snapshots_.begin(numbered_table(2), 1, {});
  for (std::uint32_t xid = 201; xid < 260; ++xid) pass_updates(2, xid, 200);
  const auto emitted = snapshots_.chunk_read(
      *small, chunk_of(small->table, 1, sees_before(300, {200}), 1000, {{0}, {1}}));
  ASSERT_EQ(emitted.size(), 2U);
  ASSERT_EQ(emitted[0].changes.size(), 1U) << "row 0 was updated by 200";
}

} // namespace

} // namespace leat::test
