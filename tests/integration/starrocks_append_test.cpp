#include <chrono>
#include <nlohmann/json.hpp>
#include <thread>

#include "tests/integration/starrocks_fixture.hpp"

namespace leat::test {
namespace {

/// R11: the rows of a chunk come once to a log, whatever is committed ahead of its epoch or lost
/// beside it.
class StarrocksAppendChunks : public starrocks_both {
 protected:
  static constexpr std::uint64_t first_chunk = 1ULL << 32 | 1;

  void SetUp() override {
    if (!cluster().is_double()) GTEST_SKIP() << "steers the double";
  }

  /// `items` is the log; `names`, a table of the same columns, is kept by key.
  void begin_log() {
    reopen();
    attach_log();
    write_log(changes().begin(90).insert({1, "a", "x"}));
    commit(1, false);
  }
  void attach_log() {
    auto keyed = route_of(items());
    keyed.target = "names";
    keyed.id = 1;
    names_ = share(keyed);
    names_writer_ = &target().attach(names_);
    auto log = route_of(items());
    log.mode = route_mode::append;
    attach(log);
  }
  void restart_log() {
    reopen();
    attach_log();
  }
  void write_log(batch_builder rows) { write(std::move(rows)); }
  void write_names(batch_builder rows) {
    const auto b = rows.build();
    names_writer_->write(b, all_changes(*b));
  }
  void write_chunk() { write_log(changes().chunk(100, 1).read({1, "a", "x"}).read({2, "b", "y"})); }
  void finish_chunk() { route_writer().finish_chunk(1, 1); }
  void add_column_to_log() {
    auto after = *attached();
    auto schema = *items();
    add_column(schema, {"more", value_class::int8, "bigint"});
    after.schema = std::make_shared<const table_schema>(schema);
    after.columns.push_back({"more", 3});
    change_schema(after);
  }
  std::string reads() {
    return rows_of("SELECT id FROM " + table("items") + " WHERE _leat_op = 'r' ORDER BY id");
  }
  std::uint64_t held_chunk() { return held.last_chunk["items"]; }

  route_ptr names_;
  writer* names_writer_ = nullptr;
};

TEST_P(StarrocksAppendChunks, OneThatACommitAheadOfItsEpochBringsIsNotAskedForAgain) {
  begin_log();
  write_chunk();
  finish_chunk();
  add_column_to_log();
  cluster().control("/forget", {{"labels", true}});
  restart_log();
  EXPECT_EQ(held.epoch, 1U);
  EXPECT_EQ(held_chunk(), first_chunk);
  EXPECT_EQ(reads(), "1 2");
  restart_log();
  EXPECT_EQ(held_chunk(), first_chunk) << "after one more crash";
}

TEST_P(StarrocksAppendChunks, OneThatWasNotCommittedIsAskedForAgain) {
  begin_log();
  write_chunk();
  finish_chunk();
  target().prepare();
  restart_log();
  EXPECT_EQ(held_chunk() & 0xffffffff, 0U);
  EXPECT_EQ(reads(), "");
}

TEST_P(StarrocksAppendChunks, OneThatHasNotComeWholeIsNotCommittedAhead) {
  begin_log();
  write_names(changes().begin(95).insert({7, "g", "x"}));
  names_writer_->flush();
  write_chunk();
  write_names(changes().begin(97).truncate());
  flush();
  names_writer_->flush();
  restart_log();
  EXPECT_EQ(held_chunk() & 0xffffffff, 0U);
  EXPECT_EQ(reads(), "");
}

TEST_P(StarrocksAppendChunks, ATruncateBesideAnOpenChunkIsDoneWithTheEpoch) {
  begin_log();
  write_names(changes().begin(95).insert({7, "g", "x"}));
  commit(2, false);
  write_chunk();
  write_names(changes().begin(97).truncate());
  names_writer_->flush();
  finish_chunk();
  commit(3, false);
  EXPECT_EQ(rows_of("SELECT id FROM " + table("names")), "");
  EXPECT_EQ(reads(), "1 2");
}

INSTANTIATE_TEST_SUITE_P(Mode, StarrocksAppendChunks,
                         testing::Values(atomicity::epoch, atomicity::table), mode_name);

class StarrocksLostLoad : public StarrocksAppendChunks {};

TEST_P(StarrocksLostLoad, BesideTheChunkOfALogDoesNotBringTheChunkTwice) {
  begin_log();
  write_chunk();
  finish_chunk();
  write_names(changes().begin(97).insert({7, "g", "x"}));
  target().prepare();
  cluster().control("/fault", {{"node", "*"},
                               {"op", "commit"},
                               {"table", "names"},
                               {"phase", "before"},
                               {"action", "delay:3"}});
  std::thread late([&] {
    const auto struck = [] {
      return cluster().control("/fault").dump().find("\"struck\":1") != std::string::npos;
    };
    for (int tried = 0; !(struck() && reads() == "1 2") && tried < 1500; ++tried)
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    cluster().control("/clock", {{"advance", 90'000}});
  });
  EXPECT_THROW(target().commit(progress(2, false)), leat::error);
  late.join();
  restart_log();
  EXPECT_EQ(held.epoch, 1U);
  EXPECT_EQ(held_chunk(), first_chunk);
  EXPECT_EQ(reads(), "1 2");
  EXPECT_EQ(rows_of("SELECT id FROM " + table("names")), "");
}

INSTANTIATE_TEST_SUITE_P(Mode, StarrocksLostLoad, testing::Values(atomicity::table), mode_name);

} // namespace
} // namespace leat::test
