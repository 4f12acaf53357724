#include <gmock/gmock.h>

#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "tests/integration/starrocks_fixture.hpp"

namespace leat::test {
namespace {

using nlohmann::json;
using testing::HasSubstr;

/// How rows travel.
class StarrocksLoads : public starrocks_both {
 protected:
  sink_options options() const override {
    auto o = starrocks_both::options();
    o.starrocks.format = format_;
    o.starrocks.compression = compression_;
    return o;
  }
  /// Requests that a node of this kind has seen.
  static std::vector<json> wire(const std::string& op, const std::string& nodes) {
    std::vector<json> found;
    const auto all = cluster().control("/wire?since=0").at("wire");
    for (const auto& w : all)
      if (w.at("op") == op && w.at("node").get<std::string>().starts_with(nodes))
        found.push_back(w);
    return found;
  }
  static std::set<int> connections(const std::vector<json>& requests) {
    std::set<int> all;
    for (const auto& r : requests) all.insert(r.at("connection").get<int>());
    return all;
  }
  /// Whether two of the requests were under way at one time.
  static bool overlap(const std::vector<json>& requests) {
    for (const auto& a : requests)
      for (const auto& b : requests) {
        const auto begin = b.at("at").get<double>();
        const auto since = a.at("at").get<double>();
        if (a.at("number") != b.at("number") && begin >= since
            && begin < since + a.at("seconds").get<double>())
          return true;
      }
    return false;
  }
  /// A writer for each of these tables, which are as `items`.
  std::map<std::string, writer*> attach_all(const std::vector<std::string>& names) {
    std::map<std::string, writer*> writers;
    route_id id = 0;
    for (const auto& name : names) {
      auto r = route_of(items());
      r.target = name;
      r.id = id++;
      attach(r);
      writers[name] = &route_writer();
    }
    return writers;
  }

  load_format format_ = load_format::json;
  load_compression compression_ = load_compression::none;
};

TEST_P(StarrocksLoads, LeaveTheSameRowsInEveryCompression) {
  resources_.load_bytes = 256U << 10;
  for (const auto format : {load_format::json, load_format::csv})
    for (const auto codec :
         {load_compression::gzip, load_compression::lz4, load_compression::zstd}) {
      format_ = format;
      compression_ = codec;
      begin();
      const auto epoch = held.epoch;
      // Two requests of one transaction, each compressed by itself.
      write(changes()
                .insert({1, "a", std::string(100'000, 'x')})
                .insert({2, "it's \"Таблица\" \\", "y"}));
      commit(epoch + 1);
      EXPECT_EQ(rows_of("SELECT id, name, length(body) FROM " + table("items") + " ORDER BY id"),
                "1|a|100000 2|it's \"Таблица\" \\|1");
      write(changes().remove({1, absent, absent}).remove({2, absent, absent}));
      commit(epoch + 2);
      EXPECT_EQ(items_rows(), "");
    }
}

TEST_P(StarrocksLoads, ACompressedBodyIsSmaller) {
  if (!cluster().is_double()) GTEST_SKIP() << "only the double tells what it was sent";
  compression_ = load_compression::zstd;
  begin();
  cluster().remove("/wire");
  write(changes().insert({1, "a", std::string(100'000, 'x')}));
  commit(1);
  const auto loads = wire("load", "be");
  EXPECT_FALSE(loads.empty());
  for (const auto& load : loads) EXPECT_LT(load.at("body_bytes").get<int>(), 10'000);
}

TEST_P(StarrocksLoads, OfSeveralTablesGoBesideEachOther) {
  if (!cluster().is_double()) GTEST_SKIP() << "only the double tells what it was sent";
  reopen();
  const auto writers = attach_all({"a", "b", "c"});
  cluster().remove("/wire");
  cluster().control("/fault",
                    {{"op", "load"}, {"phase", "before"}, {"action", "delay:0.3"}, {"times", 3}});
  const auto b = changes().insert({1, "a", "x"}).build();
  for (const auto& [name, w] : writers) {
    w->write(b, all_changes(*b));
    w->flush();
  }
  commit(1);
  const auto seen = cluster().control("/wire?since=0");
  EXPECT_GE(seen.at("most_loads").get<int>(), 2);
  for (const auto& [name, count] : seen.at("most_in_flight").items()) EXPECT_EQ(count, 1) << name;
  for (const auto& [name, w] : writers)
    EXPECT_EQ(rows_of("SELECT id FROM " + table(name)), "1") << name;
}

TEST_P(StarrocksLoads, OfSeveralTablesArePreparedAndCommittedBesideEachOther) {
  if (!cluster().is_double()) GTEST_SKIP() << "only the double tells what it was sent";
  if (GetParam() == atomicity::epoch) GTEST_SKIP() << "one transaction holds them all";
  reopen();
  const auto writers = attach_all({"a", "b", "c"});
  cluster().remove("/wire");
  for (const auto* op : {"prepare", "commit"})
    cluster().control("/fault",
                      {{"op", op}, {"phase", "before"}, {"action", "delay:0.3"}, {"times", -1}});
  const auto b = changes().insert({1, "a", "x"}).build();
  for (const auto& [name, w] : writers) w->write(b, all_changes(*b));
  commit(1);
  EXPECT_TRUE(overlap(wire("prepare", "be")));
  EXPECT_TRUE(overlap(wire("commit", "fe")));
  for (const auto& [name, w] : writers)
    EXPECT_EQ(rows_of("SELECT id FROM " + table(name)), "1") << name;
}

TEST_P(StarrocksLoads, DoNotWaitForTheNotesOfSnapshotsThatEnd) {
  if (!cluster().is_double()) GTEST_SKIP() << "only the double tells what it was sent";
  reopen();
  const auto writers = attach_all({"a", "b", "c"});
  const auto b = changes().insert({1, "a", "x"}).build();
  for (const auto& [name, w] : writers) {
    w->begin_snapshot(1);
    w->write(b, all_changes(*b));
    w->flush();
  }
  commit(1, false);
  cluster().remove("/wire");
  for (const auto& [name, w] : writers) {
    w->finish_snapshot(1);
    w->write(b, all_changes(*b));
    w->flush();
  }
  commit(2);
  int notes = 0;
  for (const auto& each : wire("sql", ""))
    notes += each.at("sql").get<std::string>().find("leat_progress_table") != std::string::npos;
  EXPECT_EQ(notes, 1);
}

TEST_P(StarrocksLoads, AreOfTheSizeThatMemoryAllows) {
  if (!cluster().is_double()) GTEST_SKIP() << "only the double tells what it was sent";
  resources_.load_bytes = 256U << 10;
  begin();
  cluster().remove("/wire");
  auto rows = changes();
  for (int i = 0; i < 300; ++i) rows.insert({i, "a", std::string(1000, 'x')});
  write(rows);
  commit(1);
  const auto loads = wire("load", "be");
  EXPECT_GE(loads.size(), 4u);
  for (const auto& load : loads) EXPECT_LT(load.at("body_bytes").get<int>(), 70'000);
  EXPECT_EQ(rows_of("SELECT count(*) AS n FROM " + table("items")), "300");
}

TEST_P(StarrocksLoads, KeepConnectionsOfQuestionsAlone) {
  if (!cluster().is_double()) GTEST_SKIP() << "only the double tells what it was sent";
  begin();
  cluster().remove("/wire");
  for (epoch_id e = 1; e <= 3; ++e) {
    write(changes().insert({static_cast<int>(e), "a", "x"}));
    commit(e);
  }
  const auto questions = wire("state", "fe");
  EXPECT_GE(questions.size(), 3u);
  EXPECT_EQ(connections(questions).size(), 1u);
  for (const auto* op : {"begin", "load", "commit"}) {
    const auto requests = wire(op, "");
    std::set<std::pair<std::string, int>> fresh;
    for (const auto& r : requests)
      fresh.emplace(r.at("node").get<std::string>(), r.at("connection").get<int>());
    EXPECT_EQ(fresh.size(), requests.size()) << op;
  }
}

TEST_P(StarrocksLoads, AskAgainWhenAKeptConnectionHasDied) {
  if (!cluster().is_double()) GTEST_SKIP() << "only the double takes orders";
  begin();
  write(changes().insert({1, "a", "x"}));
  commit(1);
  cluster().control("/node", {{"fe", "unreachable"}});
  cluster().control("/node", {{"fe", "reachable"}});
  write(changes().insert({2, "a", "x"}));
  commit(2);
  EXPECT_EQ(items_rows(), "1|a|x 2|a|x");
}

TEST_P(StarrocksLoads, OlderServersTakeNoCompressedJson) {
  if (!cluster().is_double()) GTEST_SKIP() << "only the double plays other versions";
  mode_ = atomicity::table;
  compression_ = load_compression::lz4;
  cluster().control("/quirk", {{"version", "3.2.6"}});
  const auto e = error_of([&] { reopen(); });
  EXPECT_FALSE(e.transient());
  EXPECT_THAT(e.remedy(), HasSubstr("format = \"csv\""));
  format_ = load_format::csv;
  begin();
  write(changes().insert({1, "a", "x"}));
  commit(1);
  EXPECT_EQ(items_rows(), "1|a|x");
}

INSTANTIATE_TEST_SUITE_P(Mode, StarrocksLoads, testing::Values(atomicity::epoch, atomicity::table),
                         mode_name);

} // namespace
} // namespace leat::test
