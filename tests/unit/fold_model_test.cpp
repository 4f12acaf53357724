#include <random>

#include <gtest/gtest.h>

#include "dataflow/fold.hpp"
#include "tests/support/change_history.hpp"

namespace leat {
namespace {

using test::change_history;

/// A target that does what fold.hpp tells writers to do, on a map.
class map_target {
 public:
  explicit map_target(delete_mode removal) : soft_(removal == delete_mode::soft) {}

  void flush(const fold& folded) {
    const auto kept = keep_bases(folded);
    if (folded.truncated()) truncate();
    for (const auto& e : folded.entries())
      if (e.kind == fold_kind::removed || e.kind == fold_kind::lost) remove(id_of(folded, e.key));
    for (const auto& e : folded.entries()) put(folded, e, kept);
  }

  const change_history::contents& rows() const { return rows_; }
  int missing() const { return missing_; }

 private:
  using bases = std::map<int, change_history::kept_row>;

  static int id_of(const fold& f, std::uint32_t key) {
    return std::stoi(std::string(f.key_text(key, 0)));
  }

  bases keep_bases(const fold& folded) const {
    bases kept;
    for (const auto& e : folded.entries())
      if (e.kind == fold_kind::moved) kept[id_of(folded, e.base)] = rows_.at(id_of(folded, e.base));
    return kept;
  }

  void truncate() {
    if (!soft_) return rows_.clear();
    for (auto& [id, row] : rows_) row.deleted = true;
  }

  void remove(int id) {
    if (!soft_)
      rows_.erase(id);
    else if (rows_.contains(id))
      rows_.at(id).deleted = true;
  }

  void put(const fold& f, const fold_entry& e, const bases& kept) {
    if (e.kind == fold_kind::lost) ++missing_;
    if (e.kind == fold_kind::removed || e.kind == fold_kind::lost) return;
    const auto id = id_of(f, e.key);
    if (e.kind == fold_kind::partial && !rows_.contains(id)) {
      ++missing_;
      return;
    }
    change_history::kept_row row;
    if (e.kind == fold_kind::partial) row = rows_.at(id);
    if (e.kind == fold_kind::moved) row = kept.at(id_of(f, e.base));
    row.deleted = e.deleted;
    for (std::size_t i = 0; i < row.cells.size(); ++i) {
      if (f.state(e, i + 1) == cell_state::null) row.cells[i].reset();
      if (f.state(e, i + 1) == cell_state::value) row.cells[i] = f.text(e, i + 1);
    }
    rows_[id] = row;
  }

  bool soft_;
  int missing_ = 0;
  change_history::contents rows_;
};

class FoldModel : public testing::TestWithParam<std::pair<delete_mode, bool>> {};

TEST_P(FoldModel, FlushesAnywhereLeaveWhatTheChangesLeaveOneByOne) {
  const auto [removal, full] = GetParam();
  auto plain = test::route_of(change_history::schema());
  plain.removal = removal;
  const auto shared = test::share(plain);
  for (std::uint32_t seed = 0; seed < 3000; ++seed) {
    std::mt19937 cuts(seed + 1);
    change_history history(seed, removal, full);
    map_target target(removal);
    fold folded(shared);
    for (int piece = 0; piece < 12; ++piece) {
      test::batch_builder builder(change_history::schema());
      for (auto n = cuts() % 8; n > 0; --n) history.step(builder);
      const auto b = builder.build();
      folded.add(b, all_changes(*b));
      if (cuts() % 3 != 0) continue;
      target.flush(folded);
      folded.clear();
    }
    target.flush(folded);
    ASSERT_EQ(target.rows(), history.expected()) << "seed " << seed;
    ASSERT_EQ(target.missing(), 0) << "seed " << seed;
  }
}

INSTANTIATE_TEST_SUITE_P(Routes, FoldModel,
                         testing::Values(std::pair(delete_mode::hard, false),
                                         std::pair(delete_mode::hard, true),
                                         std::pair(delete_mode::soft, false),
                                         std::pair(delete_mode::soft, true),
                                         std::pair(delete_mode::ignore, false)));

} // namespace
} // namespace leat
