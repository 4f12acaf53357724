#include <memory>

#include "tests/support/snapshot_table_fixture.hpp"
#include "tests/support/temp_directory.hpp"

// Design rule R5.7: the way of a table without a key through its snapshot.

namespace leat::test {

namespace {

/// Read in one piece by the snapshot that its test gives.
class KeylessTable : public SnapshotTable {
 protected:
  KeylessTable() { table_ = snapshot_table(notes(), 1, {}, plenty, area_); }
  void read_again() { table_ = snapshot_table(notes(), 2, {}, plenty, area_); }

  static schema_ptr notes() {
    static const auto schema =
        table("public.notes").column("text", value_class::text).replica_full().build();
    return schema;
  }

  static transaction logged(std::uint32_t xid, std::uint64_t commit) {
    return {xid, commit_lsn{commit}, 0};
  }
  void restart() { table_ = snapshot_table(notes(), table_.checkpoint_state(), plenty, area_); }
  void hold(const char* text, std::uint32_t xid) { hold(text, xid, xid); }
  void hold(const char* text, std::uint32_t xid, std::uint64_t commit) {
    const auto rows = batch_builder(notes()).begin(commit, 0, xid).insert({text}).build();
    table_.hold(*rows, all_changes(*rows));
  }
  /// The rows have come.
  void bring(const std::vector<row>& rows, const xid_snapshot& seen) {
    read_in_chunks({});
    ASSERT_EQ(number_of_next(), 1U);
    EXPECT_EQ(read(last_, chunk_of(notes(), 1, seen, 1000, rows)), strings{});
  }
  strings part() { return said(table_.next_part(1)); }

 private:
  temp_directory directory_;
  std::shared_ptr<spill_area> area_ =
      std::make_shared<spill_area>(directory_.path(), std::uint64_t{1} << 20);
};

TEST_F(KeylessTable, ItsChangesFollowItsRowsButForThoseThatTheRowsHold) {
  EXPECT_TRUE(table_.holds_changes());
  hold("seen", 140);
  hold("running", 150);
  bring({{"seen"}}, sees_before(200, {150}));
  hold("later", 300);
  EXPECT_EQ(part(), strings{"first"});
  EXPECT_EQ(part(), strings{"read seen"});
  EXPECT_EQ(part(), strings{"end of 1"});
  EXPECT_EQ(part(), strings{}) << "a change that the rows hold";
  EXPECT_EQ(part(), strings{"insert running"});
  hold("latest", 301);
  EXPECT_EQ(part(), strings{"insert later"});
  EXPECT_EQ(part(), strings{"insert latest"});
  EXPECT_FALSE(table_.has_part());
}

TEST_F(KeylessTable, ChangesOfATableThatIsGoneBeforeItsRowsHaveComeGoNowhere) {
  for (const bool again : {false, true}) {
    if (again) read_again();
    hold("update of a row that a target may not have", 140);
    read_in_chunks({});
    ASSERT_EQ(number_of_next(), 1U);
    EXPECT_EQ(read(last_, failed_chunk(chunk_failure::table_gone)), strings{});
    EXPECT_TRUE(table_.holds_changes());
    hold("another", 141);
    EXPECT_FALSE(table_.has_part());
    table_.probed(probe(200));
    EXPECT_TRUE(table_.passed(wal_lsn{1000}));
  }
}

TEST_F(KeylessTable, OnceEverythingThatWaitedIsSentItsChangesWaitNoMore) {
  bring({{"seen"}}, sees_before(200, {150}));
  EXPECT_EQ(part(), strings{"first"});
  EXPECT_EQ(part(), strings{"read seen"});
  EXPECT_TRUE(table_.holds_changes());
  EXPECT_FALSE(table_.passed(wal_lsn{1000}));
  EXPECT_EQ(part(), strings{"end of 1"});
  EXPECT_FALSE(table_.has_part());
  EXPECT_FALSE(table_.holds_changes());
  EXPECT_TRUE(table_.holds_transaction(logged(140, 140)));
  EXPECT_FALSE(table_.holds_transaction(logged(150, 150)));
  EXPECT_TRUE(table_.passed(wal_lsn{1000}));
  EXPECT_FALSE(table_.holds_transaction(logged(140, 140)));
}

/// A server that has crashed gives an xid once more that the rows' snapshot saw end.
TEST_F(KeylessTable, ATransactionThatWasLoggedBehindTheRowsIsNotInThem) {
  bring({{"seen"}}, sees_before(200));
  hold("seen", 140, 999);
  hold("again", 140, 1000);
  EXPECT_EQ(part(), strings{"first"});
  EXPECT_EQ(part(), strings{"read seen"});
  EXPECT_EQ(part(), strings{"end of 1"});
  EXPECT_EQ(part(), strings{});
  EXPECT_EQ(part(), strings{"insert again"});
  EXPECT_TRUE(table_.holds_transaction(logged(140, 999)));
  EXPECT_FALSE(table_.holds_transaction(logged(140, 1000)));
}

TEST_F(KeylessTable, IsNotReadOnceMoreWhileItIsSent) {
  bring({{"seen"}}, sees_before(200));
  EXPECT_EQ(part(), strings{"first"});
  EXPECT_EQ(number_of_next(), 0U);
}

TEST_F(KeylessTable, ARestartBeforeTheLastPartBeginsAgain) {
  bring({{"seen"}}, sees_before(200));
  EXPECT_EQ(part(), strings{"first"});
  EXPECT_EQ(part(), strings{"read seen"});
  restart();
  EXPECT_EQ(phase(), snapshot_phase::waiting);
  EXPECT_EQ(table_.state().generation, 2U);
  EXPECT_FALSE(table_.has_part());
  bring({{"seen"}, {"more"}}, sees_before(300));
  EXPECT_EQ(part(), strings{"first"});
}

TEST_F(KeylessTable, ARestartBehindTheLastPartGoesOn) {
  bring({}, sees_before(200));
  EXPECT_EQ(part(), strings{"first"});
  EXPECT_EQ(part(), strings{"end of 1"});
  restart();
  EXPECT_EQ(phase(), snapshot_phase::passing);
  EXPECT_EQ(table_.state().generation, 1U);
  EXPECT_FALSE(table_.holds_changes());
  EXPECT_TRUE(table_.holds_transaction(logged(140, 140)));
}

} // namespace

} // namespace leat::test
