#include "dataflow/epoch_ledger.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "dataflow/error.hpp"

namespace leat {
namespace {

using testing::ElementsAre;

TEST(EpochLedger, NumbersEpochsFromTheLastThatWasEverGiven) {
  epoch_ledger ledger(41);
  EXPECT_EQ(ledger.open(), 42u);
  EXPECT_EQ(ledger.open(), 43u);
  EXPECT_EQ(ledger.last(), 43u);
  EXPECT_EQ(ledger.open_count(), 2u);
}

TEST(EpochLedger, LetsASinkCommitOnlyWhenTheCheckpointIsDurableAndTheSinkHasPrepared) {
  epoch_ledger ledger(0);
  const auto epoch = ledger.open();
  EXPECT_FALSE(ledger.prepared(epoch, "early"));
  EXPECT_THAT(ledger.durable(epoch, wal_lsn{10}, {"early", "late"}), ElementsAre("early"));
  EXPECT_TRUE(ledger.prepared(epoch, "late"));
}

TEST(EpochLedger, CompletesAnEpochWhenEverySinkThatHadSomethingHasCommitted) {
  epoch_ledger ledger(0);
  const auto epoch = ledger.open();
  ledger.durable(epoch, wal_lsn{10}, {"a", "b"});
  ledger.committed(epoch, "a");
  EXPECT_FALSE(ledger.take_completed());
  ledger.committed(epoch, "b");
  const auto complete = ledger.take_completed();
  ASSERT_TRUE(complete);
  EXPECT_EQ(complete->epoch, epoch);
  EXPECT_EQ(complete->passed, wal_lsn{10});
  EXPECT_FALSE(ledger.take_completed());
  EXPECT_EQ(ledger.open_count(), 0u);
}

TEST(EpochLedger, CompletesAnEpochThatNoSinkCommitsOnceItsCheckpointIsDurable) {
  epoch_ledger ledger(0);
  const auto epoch = ledger.open();
  EXPECT_FALSE(ledger.take_completed());
  ledger.durable(epoch, wal_lsn{10}, {});
  EXPECT_TRUE(ledger.take_completed());
}

TEST(EpochLedger, CompletesNoEpochBeforeTheOnesBeforeIt) {
  epoch_ledger ledger(0);
  const auto first = ledger.open();
  const auto second = ledger.open();
  ledger.durable(first, wal_lsn{10}, {"a"});
  ledger.durable(second, wal_lsn{20}, {});
  EXPECT_FALSE(ledger.take_completed());
  ledger.committed(first, "a");
  const auto complete = ledger.take_completed();
  ASSERT_TRUE(complete);
  EXPECT_EQ(complete->epoch, second);
  EXPECT_EQ(complete->passed, wal_lsn{20});
}

TEST(EpochLedger, RefusesEpochsThatAreNotOpen) {
  epoch_ledger ledger(5);
  EXPECT_THROW(ledger.prepared(5, "a"), error);
  EXPECT_THROW(ledger.durable(6, {}, {}), error);
  EXPECT_THROW(ledger.committed(6, "a"), error);
}

} // namespace
} // namespace leat
