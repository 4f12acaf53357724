#include "plugins/postgres/stream_decoder.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "dataflow/error.hpp"
#include "tests/support/change_log.hpp"
#include "tests/support/pgoutput_builder.hpp"
#include "tests/support/temp_directory.hpp"

namespace leat::postgres {
namespace {

using test::pgoutput_builder;
using test::unchanged;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

const test::wire_table items{.id = 1, .name = "items", .columns = {"*id", "note"}};
const test::wire_table pairs{.id = 2, .name = "pairs", .columns = {"v", "*b", "*a"}};
const test::wire_table logs{.id = 3, .name = "logs", .columns = {"at", "text"}, .identity = 'f'};

class stream_decoder_test : public ::testing::Test {
 protected:
  /// Feeds it all, taking batches when they are due; the changes become lines of `log`.
  void feed(const pgoutput_builder& b) {
    for (const auto& message : b.messages()) {
      decoder.feed(message);
      settle();
    }
  }
  void settle() {
    while (decoder.full() || decoder.replaying()) {
      if (decoder.full()) take();
      if (decoder.replaying()) decoder.replay();
    }
  }
  void take() {
    const auto rows = decoder.take();
    if (!rows) return;
    std::set<oid> tables;
    for (const auto& t : rows->tables)
      EXPECT_TRUE(tables.insert(t->id).second) << "twice: " << t->name;
    batches.push_back(rows);
    for (const auto& line : test::describe(*rows)) log.push_back(line);
  }
  std::vector<std::string> decode(const pgoutput_builder& b) {
    feed(b);
    take();
    return std::exchange(log, {});
  }
  error error_of(const pgoutput_builder& b) {
    decoder.restart();
    try {
      feed(b);
    } catch (const error& e) {
      return e;
    }
    ADD_FAILURE() << "no error came";
    return {error_kind::bug, "", "", ""};
  }

  test::temp_directory directory;
  spill_area area{directory.path(), 64U << 20};
  test::plain_resolver resolver;
  stream_decoder decoder{resolver, area, {.batch_rows = 100, .batch_bytes = 64U << 10}};
  std::vector<batch_ptr> batches;
  std::vector<std::string> log;
};

TEST_F(stream_decoder_test, GivesRowsWithTheirPositions) {
  EXPECT_THAT(decode(pgoutput_builder()
                         .begin(0x100)
                         .relation(items)
                         .insert({"1", "one"})
                         .update({"1", ""})
                         .remove('K', {"1", nullptr})
                         .commit()
                         .begin(0x180)
                         .insert({"2", nullptr})
                         .commit()),
              ElementsAre("0/100.0 insert items (1, one)", "0/100.1 update items (1, )",
                          "0/100.2 remove items old key (1, -)", "0/180.0 insert items (2, null)"));
}

TEST_F(stream_decoder_test, ATransactionHasItsXidAndTime) {
  decode(pgoutput_builder().begin(0x100, 4000000000U).relation(items).insert({"1", "x"}).commit());
  ASSERT_EQ(batches.size(), 1U);
  const auto& t = batches[0]->transactions.at(0);
  EXPECT_EQ(t.xid, 4000000000U);
  EXPECT_EQ(t.commit, commit_lsn{0x100});
  EXPECT_EQ(t.commit_time, static_cast<std::int64_t>(pgoutput_builder::time(0x100)));
}

TEST_F(stream_decoder_test, AKeyChangeBringsTheOldKeyOnly) {
  EXPECT_THAT(decode(pgoutput_builder().begin(0x100).relation(pairs).update(
                  'K', {nullptr, "b1", "a1"}, {"v", "b2", "a1"})),
              ElementsAre("0/100.0 update pairs (v, b2, a1) old key (-, b1, a1)"));
}

TEST_F(stream_decoder_test, UnchangedToastIsAStateOfItsOwn) {
  EXPECT_THAT(decode(pgoutput_builder().begin(0x100).relation(items).update({"1", unchanged})),
              ElementsAre("0/100.0 update items (1, ~)"));
}

TEST_F(stream_decoder_test, UnchangedToastIsTakenFromAFullOldRow) {
  EXPECT_THAT(decode(pgoutput_builder().begin(0x100).relation(logs).update('O', {"t1", "long"},
                                                                           {"t2", unchanged})),
              ElementsAre("0/100.0 update logs (t2, long) old full (t1, long)"));
}

TEST_F(stream_decoder_test, AnUnchangedKeyColumnIsTakenFromTheOldKey) {
  EXPECT_THAT(decode(pgoutput_builder().begin(0x100).relation(pairs).update(
                  'K', {nullptr, "long", "a1"}, {unchanged, unchanged, "a2"})),
              ElementsAre("0/100.0 update pairs (~, long, a2) old key (-, long, a1)"));
}

TEST_F(stream_decoder_test, ATruncateIsOneChangePerTable) {
  EXPECT_THAT(decode(pgoutput_builder()
                         .begin(0x100)
                         .relation(items)
                         .relation(logs)
                         .truncate({logs.id, items.id})
                         .on(items.id)
                         .insert({"1", "x"})),
              ElementsAre("0/100.0 truncate logs", "0/100.1 truncate items",
                          "0/100.2 insert items (1, x)"));
}

TEST_F(stream_decoder_test, OriginsTypesAndLogicalMessagesCountForNothing) {
  EXPECT_THAT(decode(pgoutput_builder()
                         .message("outside", "of a transaction")
                         .begin(0x100)
                         .origin("north")
                         .message("app", "hello")
                         .type(16500, "mood")
                         .relation(items)
                         .insert({"1", "x"})
                         .commit()),
              ElementsAre("0/100.0 insert items (1, x)"));
}

TEST_F(stream_decoder_test, ABatchEndsAtItsRows) {
  pgoutput_builder b;
  b.begin(0x100).relation(items);
  for (int i = 0; i < 250; ++i) b.insert({std::to_string(i), "x"});
  decode(b);
  ASSERT_EQ(batches.size(), 3U);
  EXPECT_EQ(batches[0]->changes.size(), 100U);
  EXPECT_EQ(batches[2]->changes.size(), 50U);
  EXPECT_EQ(batches[2]->changes.back().index, 249U);
}

TEST_F(stream_decoder_test, ABatchEndsAtItsBytes) {
  pgoutput_builder b;
  b.begin(0x100).relation(items);
  for (int i = 0; i < 10; ++i) b.insert({std::to_string(i), std::string(30000, 'x')});
  decode(b);
  ASSERT_EQ(batches.size(), 4U);
  for (const auto& rows : batches) EXPECT_LT(rows->bytes(), (64U << 10) + 40000U);
}

TEST_F(stream_decoder_test, ARelationSentAgainUnchangedDoesNotEndABatch) {
  decode(pgoutput_builder()
             .begin(0x100)
             .relation(items)
             .insert({"1", "x"})
             .relation(items)
             .insert({"2", "x"})
             .commit());
  EXPECT_EQ(batches.size(), 1U);
}

TEST_F(stream_decoder_test, ABatchHasOneVersionOfATable) {
  auto wider = items;
  wider.columns.push_back("extra");
  EXPECT_THAT(decode(pgoutput_builder()
                         .begin(0x100)
                         .relation(logs)
                         .insert({"t", "x"})
                         .relation(items)
                         .insert({"1", "x"})
                         .relation(wider)
                         .insert({"2", "x", "y"})
                         .commit()),
              ElementsAre("0/100.0 insert logs (t, x)", "0/100.1 insert items (1, x)",
                          "0/100.2 insert items (2, x, y)"));
  ASSERT_EQ(batches.size(), 2U);
  EXPECT_EQ(batches[0]->tables[1]->columns.size(), 2U);
  EXPECT_EQ(batches[1]->tables[0]->columns.size(), 3U);
}

TEST_F(stream_decoder_test, AChangedRelationThatTheBatchDoesNotUseDoesNotEndIt) {
  auto wider = items;
  wider.columns.push_back("extra");
  decode(pgoutput_builder()
             .begin(0x100)
             .relation(items)
             .relation(logs)
             .insert({"t", "x"})
             .relation(wider)
             .insert({"2", "x", "y"})
             .commit());
  EXPECT_EQ(batches.size(), 1U);
}

TEST_F(stream_decoder_test, EmptyTransactionsMoveThePosition) {
  feed(pgoutput_builder().begin(0x100).commit().begin(0x180));
  EXPECT_EQ(decoder.last_commit(), commit_lsn{0x100});
  EXPECT_EQ(decoder.last_end(), wal_lsn{0x108});
  EXPECT_FALSE(decoder.between_transactions());
  feed(pgoutput_builder().commit(0x180));
  EXPECT_EQ(decoder.last_commit(), commit_lsn{0x180});
  EXPECT_TRUE(decoder.between_transactions());
  EXPECT_EQ(decoder.take(), nullptr);
}

TEST_F(stream_decoder_test, AStreamedTransactionComesOutAtItsCommit) {
  pgoutput_builder b;
  b.stream_start(70, true).relation(items).insert({"1", "x"}).stream_stop();
  EXPECT_THAT(decode(b), IsEmpty());
  EXPECT_TRUE(decoder.between_transactions());
  EXPECT_THAT(decode(pgoutput_builder()
                         .begin(0x100)
                         .relation(items)
                         .insert({"9", "other"})
                         .commit()
                         .stream_start(70, false)
                         .on(items.id)
                         .insert({"2", "x"})
                         .stream_stop()
                         .stream_commit(70, 0x200)),
              ElementsAre("0/100.0 insert items (9, other)", "0/200.0 insert items (1, x)",
                          "0/200.1 insert items (2, x)"));
  EXPECT_EQ(decoder.last_commit(), commit_lsn{0x200});
  EXPECT_EQ(batches.back()->transactions.back().xid, 70U);
  EXPECT_EQ(area.bytes(), 0U);
}

TEST_F(stream_decoder_test, WhileItIsReplayedNoTransactionIsBetween) {
  pgoutput_builder b;
  b.stream_start(70, true).relation(items);
  for (int i = 0; i < 150; ++i) b.insert({std::to_string(i), "x"});
  b.stream_stop().stream_commit(70, 0x200);
  for (const auto& message : b.messages()) decoder.feed(message);
  EXPECT_TRUE(decoder.replaying());
  EXPECT_FALSE(decoder.between_transactions());
  decoder.replay();
  EXPECT_TRUE(decoder.full());
  EXPECT_FALSE(decoder.between_transactions());
  EXPECT_EQ(decoder.last_commit(), commit_lsn{0});
  take();
  decoder.replay();
  EXPECT_TRUE(decoder.between_transactions());
  EXPECT_EQ(decoder.pending_rows(), 50U);
}

TEST_F(stream_decoder_test, ARolledBackSubtransactionLeavesNoGap) {
  EXPECT_THAT(decode(pgoutput_builder()
                         .stream_start(70, true)
                         .relation(items)
                         .insert({"1", "top"})
                         .as(71)
                         .insert({"2", "sub"})
                         .as(72)
                         .insert({"3", "sub of sub"})
                         .as(73)
                         .insert({"4", "kept"})
                         .stream_stop()
                         .stream_abort(70, 72)
                         .stream_abort(70, 71)
                         .stream_start(70, false)
                         .relation(items)
                         .insert({"5", "top"})
                         .stream_stop()
                         .stream_commit(70, 0x200)),
              ElementsAre("0/200.0 insert items (1, top)", "0/200.1 insert items (4, kept)",
                          "0/200.2 insert items (5, top)"));
}

TEST_F(stream_decoder_test, ARolledBackStreamedTransactionLeavesNothing) {
  EXPECT_THAT(decode(pgoutput_builder()
                         .stream_start(70, true)
                         .relation(items)
                         .insert({"1", std::string(100000, 'x')})
                         .stream_stop()
                         .stream_abort(70, 70)
                         .begin(0x100)
                         .commit()),
              IsEmpty());
  EXPECT_EQ(area.bytes(), 0U);
}

TEST_F(stream_decoder_test, ColumnsThatARolledBackSubtransactionAddedAreForgotten) {
  auto wider = items;
  wider.columns.push_back("extra");
  EXPECT_THAT(decode(pgoutput_builder()
                         .stream_start(70, true)
                         .relation(items)
                         .insert({"1", "x"})
                         .as(71)
                         .relation(wider)
                         .insert({"2", "x", "y"})
                         .stream_stop()
                         .stream_abort(70, 71)
                         .stream_start(70, false)
                         .relation(items)
                         .insert({"3", "x"})
                         .stream_stop()
                         .stream_commit(70, 0x200)
                         .begin(0x280)
                         .insert({"4", "x"})),
              ElementsAre("0/200.0 insert items (1, x)", "0/200.1 insert items (3, x)",
                          "0/280.0 insert items (4, x)"));
}

TEST_F(stream_decoder_test, WhatAStreamedTransactionSaysOfTablesCountsFromItsCommitOn) {
  auto wider = items;
  wider.columns.push_back("extra");
  EXPECT_THAT(decode(pgoutput_builder()
                         .begin(0x100)
                         .relation(items)
                         .insert({"1", "x"})
                         .commit()
                         .stream_start(70, true)
                         .relation(wider)
                         .insert({"2", "x", "y"})
                         .stream_stop()
                         .begin(0x180)
                         .insert({"3", "x"})
                         .commit()
                         .stream_commit(70, 0x200)
                         .begin(0x280)
                         .insert({"4", "x", "y"})),
              ElementsAre("0/100.0 insert items (1, x)", "0/180.0 insert items (3, x)",
                          "0/200.0 insert items (2, x, y)", "0/280.0 insert items (4, x, y)"));
}

TEST_F(stream_decoder_test, OfTwoVersionsTheOneReceivedLastCounts) {
  // a column list of the publication can change while a transaction on the table is in progress
  auto other = items;
  other.columns[1] = "remark";
  EXPECT_THAT(decode(pgoutput_builder()
                         .stream_start(70, true)
                         .relation(items)
                         .insert({"1", "x"})
                         .stream_stop()
                         .begin(0x180)
                         .relation(other)
                         .insert({"2", "x"})
                         .commit()
                         .stream_commit(70, 0x200)
                         .begin(0x280)
                         .insert({"3", "x"})),
              ElementsAre("0/180.0 insert items (2, x)", "0/200.0 insert items (1, x)",
                          "0/280.0 insert items (3, x)"));
  ASSERT_EQ(batches.size(), 3U);
  EXPECT_EQ(batches[0]->tables[0]->columns[1].name, "remark");
  EXPECT_EQ(batches[1]->tables[0]->columns[1].name, "note");
  EXPECT_EQ(batches[2]->tables[0]->columns[1].name, "remark");
}

TEST_F(stream_decoder_test, AFullSpillAreaIsAnErrorThatNamesTheSetting) {
  spill_area small(directory / "small", 1000);
  stream_decoder d(resolver, small, {});
  const auto b = pgoutput_builder().stream_start(70, true).insert({"1", std::string(1000, 'x')});
  d.feed(b.messages()[0]);
  try {
    d.feed(b.messages()[1]);
    FAIL() << "it was taken";
  } catch (const error& e) {
    EXPECT_EQ(e.kind(), error_kind::state);
    EXPECT_THAT(e.remedy(), HasSubstr("limits.spill"));
  }
}

TEST_F(stream_decoder_test, AfterARestartOnlyTheRestOfATransactionComes) {
  const auto b = pgoutput_builder()
                     .begin(0x100)
                     .relation(items)
                     .insert({"1", "x"})
                     .insert({"2", "x"})
                     .truncate({items.id})
                     .insert({"3", "x"})
                     .commit();
  decoder.restart({commit_lsn{0x100}, 1});
  EXPECT_FALSE(decoder.between_transactions());
  EXPECT_THAT(decode(b), ElementsAre("0/100.2 truncate items", "0/100.3 insert items (3, x)"));
  EXPECT_TRUE(decoder.between_transactions());
}

TEST_F(stream_decoder_test, ATransactionHandedOnWholeIsDroppedWhole) {
  decoder.restart({commit_lsn{0x180}, position::whole});
  EXPECT_TRUE(decoder.between_transactions());
  EXPECT_EQ(decoder.last_commit(), commit_lsn{0x180});
  EXPECT_THAT(decode(pgoutput_builder()
                         .begin(0x100)
                         .relation(items)
                         .insert({"1", "x"})
                         .commit()
                         .stream_start(70, true)
                         .relation(logs)
                         .insert({"2", "x"})
                         .stream_stop()
                         .stream_commit(70, 0x180)
                         .begin(0x200)
                         .insert({"3", "x"})
                         .commit()),
              ElementsAre("0/200.0 insert logs (3, x)"));
}

TEST_F(stream_decoder_test, ARestartKeepsTheOpenBatchAndItsPosition) {
  const auto first = pgoutput_builder().begin(0x100).relation(items).insert({"1", "x"}).commit();
  feed(first);
  feed(pgoutput_builder().begin(0x180).on(items.id).insert({"2", "x"}));
  decoder.restart();
  EXPECT_TRUE(decoder.full());
  EXPECT_EQ(decoder.last_commit(), commit_lsn{0x100});
  take();
  feed(first);
  EXPECT_THAT(decode(pgoutput_builder()
                         .begin(0x180)
                         .on(items.id)
                         .insert({"2", "x"})
                         .insert({"3", "x"})
                         .commit()),
              ElementsAre("0/100.0 insert items (1, x)", "0/180.0 insert items (2, x)",
                          "0/180.1 insert items (3, x)"));
}

TEST_F(stream_decoder_test, ARestartForgetsTables) {
  feed(pgoutput_builder().begin(0x100).relation(items).commit());
  EXPECT_THAT(error_of(pgoutput_builder().begin(0x180).on(items.id).insert({"1", "x"})).what(),
              HasSubstr("names table 1, which no Relation message described"));
}

TEST_F(stream_decoder_test, ATransactionWhoseRestDoesNotComeIsAnError) {
  decoder.restart({commit_lsn{0x100}, 1});
  EXPECT_THAT(error_of(pgoutput_builder().begin(0x180)).what(),
              HasSubstr("without sending the rest"));
  EXPECT_THAT(
      error_of(pgoutput_builder().begin(0x100).relation(items).insert({"1", "x"}).commit()).what(),
      HasSubstr("1 changes instead of at least 2"));
}

TEST_F(stream_decoder_test, MessagesOutOfOrderAreErrors) {
  const auto in = [] { return pgoutput_builder().begin(0x100).relation(items); };
  const auto block = [] { return pgoutput_builder().stream_start(70, true).relation(items); };
  const std::vector<std::pair<const char*, pgoutput_builder>> cases{
      {"Commit message that comes outside", pgoutput_builder().commit(0x100)},
      {"Begin message that comes inside of transaction 0/100", in().begin(0x180)},
      {"Commit message that is of transaction 0/101", in().commit(0x101)},
      {"Insert message that comes outside", pgoutput_builder().relation(items).insert({"1", "x"})},
      {"Update message that comes outside", pgoutput_builder().relation(items).update({"1", "x"})},
      {"Delete message that comes outside",
       pgoutput_builder().relation(items).remove('K', {"1", nullptr})},
      {"Truncate message that comes outside", pgoutput_builder().relation(items).truncate({1})},
      {"Begin message that is of transaction 0/100, after one of 0/100",
       in().commit().begin(0x100)},
      {"Begin message that is of transaction 0/80, after one of 0/100", in().commit().begin(0x80)},
      {"Insert message that has 1 columns, but public.items has 2", in().insert({"1"})},
      {"Update message that has 3 columns", in().update({"1", "2", "3"})},
      {"Update message that has an old row of other columns", in().update('O', {"1"}, {"1", "2"})},
      {"Delete message that has 1 columns", in().remove('K', {"1"})},
      {"Insert message that names table 99", in().on(99).insert({"1", "x"})},
      {"Truncate message that names table 99", in().truncate({1, 99})},
      {"Stream Start message that comes inside", in().stream_start(70, true)},
      {"Stream Commit message that comes inside", in().stream_commit(70, 0x100)},
      {"Stream Abort message that comes inside", in().stream_abort(70, 70)},
      {"Stream Stop message that comes without", pgoutput_builder().stream_stop()},
      {"Stream Commit message that is of transaction 70",
       pgoutput_builder().stream_commit(70, 0x100)},
      {"Stream Start message that begins transaction 70 a second time",
       block().stream_stop().stream_start(70, true)},
      {"Stream Start message that continues transaction 70",
       pgoutput_builder().stream_start(70, false)},
      {"Stream Start message that comes between", block().stream_start(71, true)},
      {"Begin message that comes between", block().begin(0x100)},
      {"Stream Commit message that comes between", block().stream_commit(70, 0x100)},
      {"Insert message that has 1 columns",
       block().insert({"1"}).stream_stop().stream_commit(70, 0x100)},
      {"pgoutput message that is empty", block().raw("")},
      {"pgoutput message that is of the unknown kind", block().raw("Z")},
      {"Insert message that is broken: it ends too early",
       block().raw("I").stream_stop().stream_commit(70, 0x100)},
  };
  for (const auto& [text, messages] : cases) {
    const auto e = error_of(messages);
    EXPECT_EQ(e.kind(), error_kind::source) << text;
    EXPECT_THAT(e.what(), HasSubstr(text));
    EXPECT_FALSE(e.remedy().empty());
    decoder.take();
  }
}

TEST_F(stream_decoder_test, AnAbortOfWhatNeverCameIsNoError) {
  feed(pgoutput_builder().stream_abort(70, 71).stream_abort(70, 70));
  EXPECT_TRUE(decoder.between_transactions());
}

TEST_F(stream_decoder_test, ATruncateOfAnUnknownTableLeavesNothing) {
  error_of(pgoutput_builder().begin(0x100).relation(items).truncate({1, 99}));
  EXPECT_EQ(decoder.pending_rows(), 0U);
}

TEST_F(stream_decoder_test, AfterAnErrorItGoesOnOnlyFromARestart) {
  auto wider = items;
  wider.columns.push_back("extra");
  feed(pgoutput_builder().begin(0x100).relation(items).insert({"1", "x"}));
  resolver.fail = true;
  const auto gone = [&](const pgoutput_builder& b) {
    try {
      feed(b);
    } catch (const error& e) {
      return e.transient();
    }
    return false;
  };
  EXPECT_TRUE(gone(pgoutput_builder().relation(wider)));
  resolver.fail = false;
  EXPECT_TRUE(gone(pgoutput_builder().on(items.id).insert({"2", "wrong version"})));
  decoder.restart();
  EXPECT_FALSE(decoder.between_transactions());
  take();
  EXPECT_THAT(decode(pgoutput_builder()
                         .begin(0x100)
                         .relation(items)
                         .insert({"1", "x"})
                         .relation(wider)
                         .insert({"2", "x", "y"})
                         .commit()),
              ElementsAre("0/100.0 insert items (1, x)", "0/100.1 insert items (2, x, y)"));
}

TEST_F(stream_decoder_test, FeedingAFullDecoderIsABug) {
  pgoutput_builder b;
  b.begin(0x100).relation(items);
  for (int i = 0; i < 100; ++i) b.insert({std::to_string(i), "x"});
  for (const auto& message : b.messages()) decoder.feed(message);
  EXPECT_THROW(decoder.feed(b.last()), error);
}

} // namespace
} // namespace leat::postgres
