#include <gmock/gmock.h>

#include <map>
#include <nlohmann/json.hpp>
#include <random>

#include "tests/integration/starrocks_fixture.hpp"
#include "tests/support/change_history.hpp"

namespace leat::test {
namespace {

using nlohmann::json;
using testing::HasSubstr;
using keys = std::vector<std::vector<std::string>>;

/// Epochs that memory does not hold: the engine flushes within them. The fixture sees to it that no
/// transaction brings a key twice.
class StarrocksLargeEpochs : public starrocks_both {
 protected:
  /// The target is a cut of the source with these rows.
  void begin_with(batch_builder (*rows)(batch_builder)) {
    begin();
    write(rows(changes()));
    commit(1);
  }
  /// As the engine does when memory is short.
  using sink_driver::flush;
  void flush(batch_builder builder) {
    write(std::move(builder));
    flush();
  }
  void attach_soft() {
    auto r = route_of(items());
    r.removal = delete_mode::soft;
    attach(r);
  }
  std::string soft_rows() {
    return rows_of("SELECT id, name, body, _leat_deleted FROM " + table("items") + " ORDER BY id");
  }
  /// Of a request to BEs, since the last call.
  static std::size_t loads_of(const std::string& table) {
    std::size_t found = 0;
    const auto all = cluster().control("/wire?since=0").at("wire");
    for (const auto& w : all)
      found += w.at("op") == "load" && w.at("table") == table
                       && w.at("node").get<std::string>().starts_with("be")
                   ? 1
                   : 0;
    cluster().remove("/wire");
    return found;
  }
  /// What the transactions of the table have brought, each as "id:op id:op".
  static std::vector<std::string> brought() {
    std::vector<std::string> all;
    const auto found = cluster().control("/commits?table=items").at("commits");
    for (const auto& commit : found) {
      std::vector<std::string> rows;
      for (const auto& row : commit.at("tables").at("items"))
        rows.push_back(row.at("id").get<std::string>() + ":" + row.at("__op").get<std::string>());
      std::sort(rows.begin(), rows.end());
      auto& text = all.emplace_back();
      for (const auto& r : rows) text += (text.empty() ? "" : " ") + r;
    }
    return all;
  }
};

TEST_P(StarrocksLargeEpochs, AKeyThatChangesInSeveralFlushesGoesOutOnce) {
  if (!cluster().is_double()) GTEST_SKIP() << "only the double tells what a commit brought";
  begin_with([](batch_builder b) { return b.insert({1, "a", "x"}).insert({2, "b", "y"}); });
  cluster().control("/quirk", {{"record_commits", true}});
  for (int i = 0; i < 5; ++i) flush(changes().update({1, i, "x"}).insert({10 + i, "n", "z"}));
  flush(changes().remove({2, absent, absent}));
  EXPECT_EQ(commit(2), keys{});
  EXPECT_EQ(items_rows(), "1|4|x 10|n|z 11|n|z 12|n|z 13|n|z 14|n|z");
  EXPECT_EQ(brought().back(), "10:0 11:0 12:0 13:0 14:0 1:0 2:1");
}

TEST_P(StarrocksLargeEpochs, NothingGoesOutAheadOfTheirEnd) {
  if (!cluster().is_double()) GTEST_SKIP() << "only the double tells what it was sent";
  begin_with([](batch_builder b) { return b.insert({1, "a", "x"}); });
  loads_of("items");
  flush(changes().update({1, "b", "x"}));
  flush(changes().insert({2, "b", "y"}));
  EXPECT_EQ(loads_of("items"), 0u);
  commit(2);
  EXPECT_EQ(loads_of("items"), 1u);
  EXPECT_EQ(items_rows(), "1|b|x 2|b|y");
}

TEST_P(StarrocksLargeEpochs, WhatComesBackAndWhatGoesAgainEndAsTheLast) {
  begin_with([](batch_builder b) { return b.insert({1, "a", "x"}).insert({2, "b", "y"}); });
  flush(changes().remove({1, absent, absent}).insert({3, "c", "z"}));
  flush(changes().insert({1, "c", "z"}).remove({2, absent, absent}));
  flush(changes().remove({3, absent, absent}).insert({4, "d", "w"}));
  EXPECT_EQ(commit(2), keys{});
  EXPECT_EQ(items_rows(), "1|c|z 4|d|w");
}

TEST_P(StarrocksLargeEpochs, CellsThatDidNotComeAreFoundWhereverTheyAre) {
  begin_with([](batch_builder b) {
    return b.insert({1, "a", "it's \"x\" \\"}).insert({2, "b", "y"}).insert({3, "c", "z"});
  });
  // Over a row of the epoch; twice over a row of the target; once over one, and never again.
  flush(changes().insert({4, "d", "w"}).update({1, "a1", unchanged}).update({2, "b1", unchanged}));
  flush(changes().update({4, "d1", unchanged}).update({1, unchanged, "x1"}));
  flush(changes().update({4, nullptr, unchanged}).update({3, "c1", unchanged}));
  EXPECT_EQ(commit(2), keys{});
  EXPECT_EQ(items_rows(), "1|a1|x1 2|b1|y 3|c1|z 4|NULL|w");
}

TEST_P(StarrocksLargeEpochs, ARowThatNobodyHasIsReported) {
  begin_with([](batch_builder b) { return b.insert({1, "a", "x"}); });
  flush(changes().update({7, "b", unchanged}));
  flush(changes().update({1, "b", unchanged}));
  EXPECT_EQ(commit(2), (keys{{"7"}}));
  EXPECT_EQ(items_rows(), "1|b|x");
}

TEST_P(StarrocksLargeEpochs, KeysMoveAcrossFlushes) {
  begin_with([](batch_builder b) { return b.insert({1, "a", "x"}).insert({2, "b", "y"}); });
  flush(changes().update({1, absent, absent}, {3, "a", unchanged}));
  // The new row under the old key is another one.
  flush(changes().insert({1, "new", "n"}));
  flush(changes().update({3, absent, absent}, {4, "a", "x"}));
  EXPECT_EQ(commit(2), keys{});
  EXPECT_EQ(items_rows(), "1|new|n 2|b|y 4|a|x");
  // What the epoch itself has changed is not read back from anywhere.
  flush(changes().update({2, "b2", "y2"}));
  flush(changes().update({2, absent, absent}, {5, "b2", unchanged}));
  EXPECT_EQ(commit(3), (keys{{"5"}}));
  EXPECT_EQ(items_rows(), "1|new|n 4|a|x");
}

TEST_P(StarrocksLargeEpochs, SoftDeletesMarkRowsWhereverTheyAre) {
  reopen();
  attach_soft();
  write(changes().insert({1, "a", "x"}).insert({2, "b", "y"}).insert({3, "c", "z"}));
  commit(1);
  flush(changes().insert({4, "d", "w"}).update({1, "a1", unchanged}));
  flush(changes()
            .remove({4, absent, absent})
            .remove({1, absent, absent})
            .remove({2, absent, absent})
            .remove({3, absent, absent}));
  flush(changes().insert({3, "c2", "z2"}).remove({9, absent, absent}));
  EXPECT_EQ(commit(2), keys{});
  EXPECT_EQ(soft_rows(), "1|a1|x|1 2|b|y|1 3|c2|z2|0 4|d|w|1");
}

TEST_P(StarrocksLargeEpochs, ATruncateWaitsForTheirEnd) {
  begin_with([](batch_builder b) { return b.insert({1, "a", "x"}).insert({2, "b", "y"}); });
  flush(changes().insert({3, "c", "z"}).update({1, "b", unchanged}));
  flush(changes().truncate().insert({4, "d", "w"}));
  flush(changes().insert({1, "new", "n"}));
  EXPECT_EQ(items_rows(), "1|a|x 2|b|y");
  EXPECT_EQ(commit(2), keys{});
  EXPECT_EQ(items_rows(), "1|new|n 4|d|w");
}

TEST_P(StarrocksLargeEpochs, ASoftTruncateMarksWhatWasThereAndWhatWaits) {
  reopen();
  attach_soft();
  write(changes().insert({1, "a", "x"}).insert({2, "b", "y"}));
  commit(1);
  flush(changes().insert({3, "c", "z"}).update({1, "b", unchanged}));
  flush(changes().truncate().insert({4, "d", "w"}));
  flush(changes().insert({2, "new", "n"}));
  EXPECT_EQ(commit(2), keys{});
  EXPECT_EQ(soft_rows(), "1|b|x|1 2|new|n|0 3|c|z|1 4|d|w|0");
}

TEST_P(StarrocksLargeEpochs, NewColumnsFindTheRowsFromBeforeThem) {
  begin_with([](batch_builder b) { return b.insert({1, "a", "x"}); });
  flush(changes().update({1, "b", unchanged}).insert({2, "c", "y"}));
  auto after = *items();
  after.columns.erase(after.columns.begin() + 2);
  change_schema(route_of(std::make_shared<const table_schema>(after)));
  flush(changes().update({2, "d"}));
  flush(changes().insert({3, "e"}).update({2, "f"}));
  commit(2);
  EXPECT_EQ(rows_of("SELECT * FROM " + table("items") + " ORDER BY id"), "1|b 2|f 3|e");
}

TEST_P(StarrocksLargeEpochs, AKeyFromBeforeAResnapshotIsNotSeenByIt) {
  begin_with([](batch_builder b) { return b.insert({1, "a", "x"}).insert({2, "b", "y"}); });
  flush(changes().update({1, "stale", "x"}));
  route_writer().begin_snapshot(2);
  flush(changes().update({2, "B", "y"}));
  commit(2, false);
  EXPECT_EQ(items_rows(), "1|stale|x 2|B|y");
  flush(changes().chunk(700, 1).read({3, "c", "z"}));
  flush(changes().begin(800).update({3, "C", unchanged}));
  flush();
  route_writer().finish_snapshot(2);
  commit(3);
  EXPECT_EQ(items_rows(), "2|B|y 3|C|z");
}

TEST_P(StarrocksLargeEpochs, DuringASnapshotToo) {
  if (!cluster().is_double()) GTEST_SKIP() << "only the double tells what a commit brought";
  begin();
  cluster().control("/quirk", {{"record_commits", true}});
  route_writer().begin_snapshot(1);
  const auto before = brought().size();
  flush(changes().chunk(500, 1).read({1, "a", "x"}).read({2, "b", "y"}));
  for (int i = 0; i < 5; ++i) flush(changes().begin(600).update({1, i, unchanged}));
  flush(changes().begin(600).remove({2, absent, absent}).insert({3, "c", "z"}));
  flush(changes().begin(600).insert({2, "again", "y"}));
  EXPECT_EQ(commit(1, false), keys{});
  EXPECT_EQ(items_rows(), "1|4|x 2|again|y 3|c|z");
  const auto commits = brought();
  ASSERT_EQ(commits.size(), before + 1);
  EXPECT_EQ(commits[before], "1:0 2:0 3:0");
}

TEST_P(StarrocksLargeEpochs, OfManyTimesTheMemoryHaveLittleOfIt) {
  resources_.load_bytes = 256U << 10;
  begin_with([](batch_builder b) { return b.insert({0, "first", "x"}); });
  constexpr int rows = 20'000;
  std::map<int, std::string> expected;
  std::mt19937 random(3);
  for (int i = 0; i < 40; ++i) {
    auto b = changes();
    for (int n = 0; n < 500; ++n) {
      const auto id = static_cast<int>(random() % rows);
      expected[id] = std::to_string(i * 1000 + n);
      b.insert({id, expected[id], "x"});
    }
    flush(std::move(b));
    EXPECT_LT(route_writer().buffered(), 1U << 20);
  }
  EXPECT_GT(resources_.spill->bytes(), 100'000u);
  expected.try_emplace(0, "first");
  EXPECT_EQ(commit(2), keys{});
  EXPECT_EQ(resources_.spill->bytes(), 0u);
  std::string all;
  for (const auto& [id, name] : expected)
    all += (all.empty() ? "" : " ") + std::to_string(id) + "|" + name + "|x";
  EXPECT_EQ(items_rows(), all);
}

TEST_P(StarrocksLargeEpochs, KeysMayBeAnyText) {
  reopen();
  attach(route_of(starrocks_source("items",
                                   {{"id", value_class::text, "text"},
                                    {"part", value_class::int4, "integer"},
                                    {"body", value_class::text, "text"}},
                                   2)));
  const std::vector<std::string> hostile{
      "", "We\"ird Таблица", "it's \\N \\", "a\nb\tc", "\x01\x02", "null", "' OR 1=1 --"};
  auto first = changes();
  for (const auto& k : hostile) first.insert({k, 1, "old " + k});
  write(std::move(first));
  commit(1);
  for (int i = 0; i < 3; ++i) {
    auto b = changes();
    for (const auto& k : hostile) b.update({k, 1, unchanged}).insert({k, 2 + i, k});
    flush(std::move(b));
  }
  auto last = changes();
  for (const auto& k : hostile) last.remove({k, 3, absent}).update({k, 4, "new " + k});
  flush(std::move(last));
  EXPECT_EQ(commit(2), keys{});
  const auto body = [&](const char* part, const std::string& prefix) {
    EXPECT_EQ(rows_of("SELECT count(*) AS n FROM " + table("items") + " WHERE part = " + part
                      + " AND body = concat('" + prefix + "', id)"),
              std::to_string(hostile.size()))
        << part;
  };
  body("1", "old ");
  body("2", "");
  body("4", "new ");
  EXPECT_EQ(rows_of("SELECT count(*) AS n FROM " + table("items")),
            std::to_string(3 * hostile.size()));
}

TEST_P(StarrocksLargeEpochs, AFullSpillAreaEndsThemWithARemedyAndLosesNothing) {
  resources_.spill = std::make_shared<spill_area>(spill_directory_ / "small", 100'000);
  begin_with([](batch_builder b) { return b.insert({1, "a", "x"}); });
  const auto large = [&] {
    auto b = changes();
    for (int i = 0; i < 100; ++i) b.insert({100 + i, "n", std::string(2000, 'y')});
    return b;
  };
  const auto e = error_of([&] { flush(large()); });
  EXPECT_EQ(e.kind(), error_kind::state);
  EXPECT_THAT(e.remedy(), HasSubstr("limits.spill"));
  close();
  resources_.spill = std::make_shared<spill_area>(spill_directory_ / "large", 1U << 30);
  restart();
  EXPECT_EQ(held.epoch, 1u);
  EXPECT_EQ(items_rows(), "1|a|x");
  flush(large());
  commit(2);
  EXPECT_EQ(rows_of("SELECT count(*) AS n FROM " + table("items")), "101");
}

/// Random changes, flushed and committed anywhere; rows that are missed come as the engine brings
/// them.
TEST_P(StarrocksLargeEpochs, EndAsTheirChangesOneByOne) {
  for (std::uint32_t seed = 0; seed < 2; ++seed) {
    std::mt19937 cuts(seed);
    change_history history(seed, delete_mode::hard, seed % 2 == 1);
    reopen();
    auto r = route_of(change_history::schema());
    r.target = "t" + std::to_string(seed);
    attach(r);
    epoch_id epoch = held.epoch;
    const auto row_of = [&](int id) {
      const auto& cells = history.expected().at(id).cells;
      row told{id};
      for (const auto& c : cells) told.push_back(c ? value(*c) : value(nullptr));
      return told;
    };
    const auto end_epoch = [&](bool consistent) {
      const auto missing = commit(++epoch, consistent);
      auto b = changes().chunk(epoch * 100, 1);
      for (const auto& key : missing)
        if (history.expected().contains(std::stoi(key[0]))) b.read(row_of(std::stoi(key[0])));
      write(std::move(b));
    };
    for (int piece = 0; piece < 30; ++piece) {
      batch_builder builder(change_history::schema());
      builder.begin(epoch * 100 + 50);
      for (auto n = cuts() % 8; n > 0; --n) history.step(builder);
      write(std::move(builder));
      const auto dice = cuts() % 8;
      if (dice == 0) end_epoch(cuts() % 3 != 0);
      if (dice > 3) flush();
    }
    end_epoch(true);
    end_epoch(true);
    std::string all;
    for (const auto& [id, kept] : history.expected()) {
      all += (all.empty() ? "" : " ") + std::to_string(id);
      for (const auto& c : kept.cells) all += "|" + c.value_or("NULL");
    }
    EXPECT_EQ(rows_of("SELECT id, name, body, note FROM " + table(r.target) + " ORDER BY id"), all)
        << "seed " << seed;
  }
}

INSTANTIATE_TEST_SUITE_P(Mode, StarrocksLargeEpochs,
                         testing::Values(atomicity::epoch, atomicity::table), mode_name);

} // namespace
} // namespace leat::test
