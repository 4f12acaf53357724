#include <algorithm>
#include <array>
#include <deque>
#include <filesystem>
#include <map>
#include <random>
#include <set>

#include <gmock/gmock.h>

#include "dataflow/spill.hpp"
#include "plugins/starrocks/key_operation.hpp"
#include "plugins/starrocks/spilled_keys.hpp"
#include "tests/support/caught_error.hpp"
#include "tests/support/temp_directory.hpp"

namespace leat::starrocks {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using kind = row_cell::kind;

row_cell text(std::string_view t) { return {kind::source, t}; }
constexpr row_cell null{kind::null};
constexpr row_cell absent{};

std::string show(const key_operation& o) {
  std::string all = o.act == key_act::remove ? "remove" : o.act == key_act::part ? "part" : "row";
  if (o.deleted) all += " deleted";
  if (o.seen) all += " seen";
  if (o.at) all += " at " + to_string(o.at->commit) + "/" + std::to_string(o.at->index);
  for (const auto& c : o.cells) {
    if (c.is == kind::null) all += " NULL";
    if (c.is == kind::absent) all += " -";
    if (c.is == kind::source) all += " '" + std::string(c.text) + "'";
    if (c.is == kind::printed) all += " \"" + std::string(c.text) + "\"";
  }
  return all;
}

std::string show(std::string_view record) {
  key_operation o;
  unpack(record, o);
  return show(o);
}

std::string packed(const key_operation& o) {
  std::string record;
  pack(o, record);
  return record;
}

key_operation row(std::vector<row_cell> cells) {
  key_operation o;
  o.act = key_act::row;
  o.cells = std::move(cells);
  return o;
}
key_operation part(std::vector<row_cell> cells) {
  auto o = row(std::move(cells));
  o.act = key_act::part;
  return o;
}
key_operation removal() { return {}; }
/// delete = "soft", where only the key came.
key_operation mark(std::size_t cells) {
  auto o = part(std::vector<row_cell>(cells));
  o.deleted = true;
  return o;
}

/// What operations come to, one after another.
std::string all_of(const std::vector<key_operation>& operations) {
  std::string record;
  bool lost = false;
  for (const auto& o : operations) lost = !follow_with(record, packed(o)) || lost;
  return show(record) + (lost ? " (lost)" : "");
}

TEST(StarrocksKeyOperations, AreRecordsThatKeepAllOfThem) {
  auto o = row({text("a'\\\n\0Таблица"), null, {kind::printed, ""}, text("")});
  o.deleted = o.seen = true;
  o.at = position{commit_lsn{0x1600000000ULL}, 7};
  EXPECT_EQ(show(packed(o)), show(o));
  EXPECT_EQ(show(packed(removal())), "remove");
  EXPECT_EQ(show(packed(row({}))), "row");
}

TEST(StarrocksKeyOperations, TheLastWholeRowOrRemovalHolds) {
  EXPECT_EQ(all_of({row({text("a")}), row({null})}), "row NULL");
  EXPECT_EQ(all_of({row({text("a")}), removal()}), "remove");
  EXPECT_EQ(all_of({removal(), row({text("b")})}), "row 'b'");
  EXPECT_EQ(all_of({part({text("a"), absent}), removal(), row({text("b"), null})}), "row 'b' NULL");
}

TEST(StarrocksKeyOperations, CellsThatDidNotComeAreTheOnesFromBefore) {
  EXPECT_EQ(all_of({row({text("a"), text("b")}), part({absent, text("c")})}), "row 'a' 'c'");
  EXPECT_EQ(all_of({row({text("a"), {kind::printed, "b"}}), part({null, absent})}),
            "row NULL \"b\"");
  EXPECT_EQ(all_of({part({text("a"), absent, absent}), part({absent, null, absent})}),
            "part 'a' NULL -");
}

TEST(StarrocksKeyOperations, PartsThatMakeUpARowAreOne) {
  EXPECT_EQ(all_of({part({text("a"), absent}), part({absent, text("b")})}), "row 'a' 'b'");
}

TEST(StarrocksKeyOperations, AnUpdateOfARowThatIsGoneIsLost) {
  EXPECT_EQ(all_of({removal(), part({text("a"), absent})}), "remove (lost)");
  EXPECT_EQ(all_of({mark(2), part({text("a"), absent})}), "remove (lost)");
  EXPECT_EQ(all_of({row({text("x"), text("y")}), mark(2), part({text("a"), absent})}),
            "remove (lost)");
  EXPECT_EQ(all_of({removal(), part({text("a"), absent}), row({null, null})}),
            "row NULL NULL (lost)");
}

TEST(StarrocksKeyOperations, ASoftDeleteKeepsTheCells) {
  EXPECT_EQ(all_of({mark(1)}), "part deleted -");
  EXPECT_EQ(all_of({row({text("a")}), mark(1)}), "row deleted 'a'");
  EXPECT_EQ(all_of({part({text("a"), absent}), mark(2)}), "part deleted 'a' -");
  EXPECT_EQ(all_of({removal(), mark(1)}), "remove");
  EXPECT_EQ(all_of({mark(1), mark(1)}), "part deleted -");
  EXPECT_EQ(all_of({mark(1), row({text("b")})}), "row 'b'");
}

TEST(StarrocksKeyOperations, AKeyThatASnapshotHasSeenStaysSeen) {
  auto seen = row({text("a"), null});
  seen.seen = true;
  EXPECT_EQ(all_of({seen, row({null, null})}), "row seen NULL NULL");
  EXPECT_EQ(all_of({seen, part({absent, text("b")})}), "row seen 'a' 'b'");
  EXPECT_EQ(all_of({seen, removal()}), "remove seen");
  EXPECT_EQ(all_of({row({null, null}), seen}), "row seen 'a' NULL");
}

TEST(StarrocksKeyOperations, APositionIsThatOfOneChange) {
  auto first = row({text("a"), null});
  first.at = position{commit_lsn{256}, 1};
  auto second = part({absent, text("b")});
  second.at = position{commit_lsn{256}, 2};
  EXPECT_EQ(all_of({row({null, null}), first}), "row at 0/100/1 'a' NULL");
  EXPECT_EQ(all_of({first, second}), "row 'a' 'b'");
}

class StarrocksSpilledKeys : public testing::Test {
 protected:
  using run = std::vector<std::pair<std::string, key_operation>>;

  spilled_keys made(std::size_t most_runs = 1024) {
    return {files_, budget_, [this](std::string_view key) { lost_.emplace_back(key); }, most_runs};
  }
  static void add(spilled_keys& to, const run& operations) {
    to.add(
        operations.size(), [&](std::size_t i) { return std::string_view(operations[i].first); },
        [&](std::size_t i, std::string& record) { pack(operations[i].second, record); });
  }
  static std::map<std::string, std::string> taken(spilled_keys& from) {
    std::map<std::string, std::string> all;
    from.take([&](std::string_view key, std::string_view record) {
      EXPECT_TRUE(all.emplace(key, show(record)).second) << "given twice: " << key;
    });
    return all;
  }

  test::temp_directory directory_;
  std::shared_ptr<spill_area> area_ = std::make_shared<spill_area>(directory_ / "s", 1U << 30);
  run_file files_{area_};
  key_budget budget_{.most = 1U << 20};
  std::vector<std::string> lost_;
};

TEST_F(StarrocksSpilledKeys, AreGivenOnceWithAllThatHasHappened) {
  auto keys = made();
  EXPECT_TRUE(keys.empty());
  add(keys, {{"k1", row({text("a")})}, {"k2", row({text("b")})}, {"We\"ird Таблица\n", removal()}});
  add(keys, {{"k2", removal()}, {std::string("k\0", 2), part({absent})}});
  add(keys, {{"k1", row({null})}, {"k2", part({text("x")})}});
  EXPECT_FALSE(keys.empty());
  EXPECT_EQ(taken(keys), (std::map<std::string, std::string>{{"k1", "row NULL"},
                                                             {"k2", "remove"},
                                                             {"We\"ird Таблица\n", "remove"},
                                                             {std::string("k\0", 2), "part -"}}));
  EXPECT_THAT(lost_, ElementsAre("k2"));
  EXPECT_TRUE(keys.empty());
  EXPECT_EQ(taken(keys).size(), 0u);
}

TEST_F(StarrocksSpilledKeys, GiveTheirSpaceBack) {
  auto keys = made();
  const std::string large(300'000, 'x');
  add(keys, {{"a", row({text(large)})}, {"b", row({text(large)})}});
  EXPECT_GT(area_->bytes(), 600'000u);
  taken(keys);
  EXPECT_EQ(area_->bytes(), 0u);
  add(keys, {{"a", row({text(large)})}});
  keys.clear();
  EXPECT_EQ(area_->bytes(), 0u);
  EXPECT_TRUE(keys.empty());
  EXPECT_EQ(budget_.now, 0u);
}

TEST_F(StarrocksSpilledKeys, OfManyTablesAreInOneFileUntilAllAreTaken) {
  std::deque<spilled_keys> tables;
  const std::string large(70'000, 'x');
  const auto lost = [](std::string_view) {};
  for (int i = 0; i < 50; ++i) {
    auto& keys = tables.emplace_back(files_, budget_, lost);
    add(keys, {{"a", row({text(large)})}, {"b", removal()}});
  }
  for (auto& keys : tables) add(keys, {{"a", part({null})}});
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(directory_ / "s"), {}), 1);
  for (auto& keys : tables) {
    EXPECT_GT(area_->bytes(), 0u);
    EXPECT_EQ(taken(keys),
              (std::map<std::string, std::string>{{"a", "row NULL"}, {"b", "remove"}}));
  }
  EXPECT_EQ(area_->bytes(), 0u);
}

TEST_F(StarrocksSpilledKeys, TellWhichKeysTheyHoldAsFarAsTheBudgetGoes) {
  budget_.most = 2;
  auto keys = made();
  const auto holds = [&](std::string_view k) { return keys.may_hold(remembered_keys::hash_of(k)); };
  EXPECT_FALSE(holds("a"));
  add(keys, {{"a", removal()}, {"b", removal()}});
  EXPECT_TRUE(holds("a"));
  EXPECT_FALSE(holds("c"));
  add(keys, {{"d", removal()}});
  EXPECT_TRUE(holds("c"));
  EXPECT_EQ(budget_.now, 0u);
  EXPECT_EQ(taken(keys).size(), 3u);
  EXPECT_FALSE(holds("a"));
}

TEST_F(StarrocksSpilledKeys, ATruncateMarksThoseBeforeIt) {
  auto keys = made();
  add(keys, {{"a", row({text("1")})}, {"b", row({text("1")})}, {"c", part({absent})}});
  keys.mark_all();
  add(keys, {{"b", row({text("2")})}, {"c", part({text("3")})}, {"d", row({text("4")})}});
  EXPECT_EQ(taken(keys),
            (std::map<std::string, std::string>{
                {"a", "row deleted '1'"}, {"b", "row '2'"}, {"c", "remove"}, {"d", "row '4'"}}));
  EXPECT_THAT(lost_, ElementsAre("c"));
}

TEST_F(StarrocksSpilledKeys, AFullAreaIsAnErrorWithARemedy) {
  files_ = run_file(std::make_shared<spill_area>(directory_ / "small", 200'000));
  auto keys = made();
  const std::string large(90'000, 'x');
  add(keys, {{"a", row({text(large)})}});
  const auto e = test::error_of([&] {
    add(keys, {{"b", row({text(large)})}, {"c", row({text(large)})}});
  });
  EXPECT_THAT(e.what(), HasSubstr("the spill area is full"));
  EXPECT_THAT(e.remedy(), HasSubstr("limits.spill"));
}

/// The same, one by one, in the most simple way.
class naive_keys {
 public:
  struct state {
    bool gone = false; ///< else it is there: whole, or as the target has it but for these cells
    bool deleted = false;
    bool seen = false;
    bool whole = false;
    std::array<std::optional<row_cell>, 3> cells;
    std::array<std::string, 3> texts;
  };

  /// False: lost.
  bool take(const std::string& key, const key_operation& o) {
    const bool known = keys_.contains(key);
    auto& s = keys_[key];
    const bool seen = s.seen || o.seen;
    bool found = true;
    if (o.act == key_act::remove) {
      s = {};
      s.gone = true;
    } else if (o.act == key_act::row) {
      s = {};
      s.whole = true;
      lay(s, o);
    } else if (known && (s.gone || s.deleted)) {
      found = o.deleted;
      if (!o.deleted) s = {}, s.gone = true;
    } else {
      lay(s, o);
    }
    s.seen = seen;
    return found;
  }

  void mark_all() {
    for (auto& [key, s] : keys_) s.deleted = !s.gone;
  }

  std::map<std::string, std::string> all() const {
    std::map<std::string, std::string> shown;
    for (const auto& [key, s] : keys_) {
      key_operation o;
      o.seen = s.seen;
      if (!s.gone) {
        o.deleted = s.deleted;
        o.act = s.whole ? key_act::row : key_act::part;
        for (std::size_t i = 0; i < s.cells.size(); ++i)
          o.cells.push_back(s.cells[i] ? row_cell{s.cells[i]->is, s.texts[i]} : absent);
      }
      shown[key] = show(o);
    }
    return shown;
  }

 private:
  static void lay(state& s, const key_operation& o) {
    for (std::size_t i = 0; i < o.cells.size(); ++i)
      if (o.cells[i].is != kind::absent) s.cells[i] = o.cells[i], s.texts[i] = o.cells[i].text;
    s.deleted = o.deleted;
    s.whole = std::all_of(s.cells.begin(), s.cells.end(), [](const auto& c) { return c; });
  }

  std::map<std::string, state> keys_;
};

class random_operations {
 public:
  explicit random_operations(std::uint32_t seed) : random_(seed) {}

  std::size_t below(std::size_t n) { return random_() % n; }

  key_operation next() {
    key_operation o;
    o.seen = below(4) == 0;
    const auto dice = below(10);
    if (dice < 2) return o;
    o.act = dice < 6 ? key_act::row : key_act::part;
    o.deleted = below(5) == 0;
    bool whole = true;
    for (int i = 0; i < 3; ++i) {
      o.cells.push_back(cell(o.act == key_act::part));
      whole = whole && o.cells.back().is != kind::absent;
    }
    if (whole) o.act = key_act::row;
    return o;
  }

 private:
  row_cell cell(bool may_be_absent) {
    const auto dice = below(may_be_absent ? 8 : 4);
    if (dice == 0) return null;
    if (dice > 3) return absent;
    auto& kept = texts_.emplace_back("v" + std::to_string(++counter_));
    if (below(200) == 0) kept.append(below(400'000), 'x');
    return {dice == 1 ? kind::printed : kind::source, kept};
  }

  std::mt19937 random_;
  int counter_ = 0;
  std::deque<std::string> texts_;
};

TEST_F(StarrocksSpilledKeys, AnyRunsComeToTheSameAsOneByOne) {
  for (std::uint32_t seed = 0; seed < 300; ++seed) {
    random_operations random(seed);
    lost_.clear();
    auto keys = made(2 + random.below(5));
    naive_keys naive;
    std::vector<std::string> lost;
    const auto different = 1 + random.below(60);
    for (auto runs = 1 + random.below(12); runs > 0; --runs) {
      std::set<std::string> used;
      run operations;
      for (auto n = random.below(40); n > 0; --n) {
        const auto key = "key " + std::to_string(random.below(different));
        if (used.insert(key).second) operations.emplace_back(key, random.next());
      }
      add(keys, operations);
      for (const auto& [key, o] : operations)
        if (!naive.take(key, o)) lost.push_back(key);
      if (random.below(10) == 0) {
        keys.mark_all();
        naive.mark_all();
      }
    }
    ASSERT_EQ(taken(keys), naive.all()) << "seed " << seed;
    std::sort(lost.begin(), lost.end());
    std::sort(lost_.begin(), lost_.end());
    ASSERT_EQ(lost_, lost) << "seed " << seed;
    ASSERT_EQ(area_->bytes(), 0u);
  }
}

} // namespace
} // namespace leat::starrocks
