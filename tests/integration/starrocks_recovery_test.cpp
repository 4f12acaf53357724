#include "tests/integration/starrocks_fixture.hpp"

namespace leat::test {
namespace {

class StarrocksSoftDeletes : public starrocks_both {
 protected:
  void begin_soft() {
    auto r = route_of(items());
    r.removal = delete_mode::soft;
    reopen();
    attach(r);
  }
  std::string flags() {
    return rows_of("SELECT id, name, _leat_deleted FROM " + table("items") + " ORDER BY id");
  }
};

TEST_P(StarrocksSoftDeletes, MarkARowThatTheOpenEpochHasWritten) {
  begin_soft();
  write(changes().insert({1, "a", "x"}).insert({2, "b", "y"}));
  writer_->flush();
  write(changes().remove({1, absent, absent}));
  writer_->flush();
  commit(1);
  EXPECT_EQ(flags(), "1|a|1 2|b|0");
}

TEST_P(StarrocksSoftDeletes, MarkARowThatCameBackAndWentAgainInOneEpoch) {
  begin_soft();
  write(changes().insert({1, "a", "x"}));
  commit(1);
  write(changes().remove({1, absent, absent}));
  writer_->flush();
  write(changes().insert({1, "again", "x"}));
  writer_->flush();
  write(changes().remove({1, absent, absent}));
  commit(2);
  EXPECT_EQ(flags(), "1|again|1");
}

TEST_P(StarrocksSoftDeletes, MarkRowsOfAnEpochThatMemoryDoesNotHold) {
  begin_soft();
  const std::string large(900'000, 'x');
  for (int id = 1; id <= 8; ++id) {
    write(changes().insert({id, "a", large}));
    writer_->flush();
  }
  write(changes().remove({1, absent, absent}).remove({8, absent, absent}));
  writer_->flush();
  write(changes().insert({8, "again", "y"}));
  commit(1);
  EXPECT_EQ(flags(), "1|a|1 2|a|0 3|a|0 4|a|0 5|a|0 6|a|0 7|a|0 8|again|0");
  write(changes().remove({7, absent, absent}));
  commit(2);
  EXPECT_EQ(flags(), "1|a|1 2|a|0 3|a|0 4|a|0 5|a|0 6|a|0 7|a|1 8|again|0");
}

INSTANTIATE_TEST_SUITE_P(Mode, StarrocksSoftDeletes,
                         testing::Values(atomicity::epoch, atomicity::table), mode_name);

} // namespace
} // namespace leat::test
