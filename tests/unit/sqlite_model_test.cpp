#include <random>

#include <gtest/gtest.h>

#include "tests/support/change_history.hpp"
#include "tests/support/sqlite_fixture.hpp"

namespace leat::sqlite {
namespace {

using test::change_history;

class SqliteModel : public test::sqlite_fixture,
                    public testing::WithParamInterface<std::pair<delete_mode, bool>> {
 protected:
  void attach_route() {
    auto r = test::route_of(change_history::schema());
    r.removal = GetParam().first;
    attach(r);
  }

  change_history::contents contents() {
    const bool soft = GetParam().first == delete_mode::soft;
    change_history::contents found;
    for (const auto& r : query(std::string("SELECT id, name, body, note, ")
                               + (soft ? "_leat_deleted" : "0") + " FROM t"))
      found[std::stoi(*r[0])] = {{r[1], r[2], r[3]}, r[4] == "1"};
    return found;
  }

  /// Changes from `history` in random batches, flushed at random.
  void write_some(change_history& history, std::mt19937& cuts) {
    for (auto batches = cuts() % 4; batches > 0; --batches) {
      test::batch_builder builder(change_history::schema());
      for (auto n = cuts() % 10; n > 0; --n) history.step(builder);
      write(std::move(builder));
      if (cuts() % 3 == 0) flush();
    }
  }
};

TEST_P(SqliteModel, HoldsWhatTheChangesLeaveOneByOne) {
  const auto [removal, full] = GetParam();
  for (std::uint32_t seed = 0; seed < 25; ++seed) {
    fresh_file();
    attach_route();
    std::mt19937 cuts(seed + 1);
    change_history history(seed, removal, full);
    for (epoch_id epoch = 1; epoch <= 8; ++epoch) {
      const auto before = history;
      const bool crash = cuts() % 4 == 0;
      write_some(history, cuts);
      if (crash) {
        // What the epoch had written is gone, and it comes again, cut elsewhere.
        reopen();
        attach_route();
        ASSERT_EQ(contents(), before.expected()) << "seed " << seed << " epoch " << epoch;
        history = before;
        write_some(history, cuts);
      }
      ASSERT_TRUE(commit(epoch).empty()) << "seed " << seed << " epoch " << epoch;
      ASSERT_EQ(contents(), history.expected()) << "seed " << seed << " epoch " << epoch;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Routes, SqliteModel,
                         testing::Values(std::pair(delete_mode::hard, false),
                                         std::pair(delete_mode::hard, true),
                                         std::pair(delete_mode::soft, false),
                                         std::pair(delete_mode::ignore, false)));

} // namespace
} // namespace leat::sqlite
