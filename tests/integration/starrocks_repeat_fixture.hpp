#pragma once

#include "tests/integration/starrocks_fixture.hpp"

namespace leat::test {

/// An epoch of one row, and a second one that trouble strikes.
class starrocks_repeat_fixture : public starrocks_both {
 protected:
  void first_row() {
    begin();
    write(changes().insert({1, "a", "x"}));
    commit(1);
  }
  void second_row() { write(changes().insert({2, "b", "y"})); }

  /// The second epoch fails for now, nothing of it is seen, and the engine, which makes the sink
  /// anew, repeats it after `trouble_ends`.
  template <class End>
  void expect_repeat(const End& trouble_ends) {
    const auto e = error_of([&] { commit(2); });
    EXPECT_TRUE(e.transient()) << e.brief();
    trouble_ends();
    restart();
    EXPECT_EQ(held.epoch, 1u);
    EXPECT_EQ(items_rows(), "1|a|x");
    second_row();
    commit(2);
    expect_both_rows();
  }
  void expect_both_rows() {
    EXPECT_EQ(items_rows(), "1|a|x 2|b|y");
    EXPECT_EQ(reopen()->epoch, 2u);
  }
};

} // namespace leat::test
