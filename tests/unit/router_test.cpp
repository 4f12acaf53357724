#include "dataflow/router.hpp"

#include <gtest/gtest.h>

#include <algorithm>

#include "dataflow/error.hpp"
#include "tests/support/snapshot_builder.hpp"
#include "tests/support/temp_directory.hpp"

// Design rules R1, R2, R5, R7, R11 and R12: what goes to which target, and what it has already.

namespace leat::test {

namespace {

using strings = std::vector<std::string>;

schema_ptr items() {
  static const auto schema = table("public.items")
                                 .id(1)
                                 .column("id", value_class::text)
                                 .column("name", value_class::text)
                                 .key({"id"})
                                 .build();
  return schema;
}

schema_ptr others() {
  static const auto schema =
      table("public.others").id(2).column("id", value_class::text).key({"id"}).build();
  return schema;
}

schema_ptr notes() {
  static const auto schema =
      table("public.notes").id(3).column("text", value_class::text).replica_full().build();
  return schema;
}

schema_ptr wider_notes() {
  static const auto schema = table("public.notes")
                                 .id(3)
                                 .column("text", value_class::text)
                                 .column("more", value_class::text)
                                 .replica_full()
                                 .build();
  return schema;
}

schema_ptr wider_items() {
  static const auto schema = table("public.items")
                                 .id(1)
                                 .column("id", value_class::text)
                                 .column("name", value_class::text)
                                 .column("more", value_class::text)
                                 .key({"id"})
                                 .build();
  return schema;
}

route to(const std::string& sink, const schema_ptr& schema, route_mode mode = route_mode::upsert) {
  auto r = route_of(schema);
  r.sink = sink;
  r.mode = mode;
  return r;
}

batch_builder commit(std::uint64_t lsn, std::uint32_t xid = 700,
                     const schema_ptr& schema = items()) {
  batch_builder b(schema);
  b.begin(lsn, 0, xid);
  return b;
}

class Router : public testing::Test {
 protected:
  /// `sinks` stand at 0 unless they are in `at`; the stream goes on from 0.
  void start(std::vector<route> routes, std::map<std::string, target_progress> at = {}) {
    std::vector<route_ptr> shared;
    std::vector<sink_start> starts;
    for (auto& r : routes) {
      r.id = static_cast<route_id>(shared.size());
      if (std::ranges::none_of(starts, [&](const auto& s) { return s.name == r.sink; }))
        starts.push_back({r.sink, at[r.sink]});
      shared.push_back(share(r));
    }
    for (const auto& s : starts) names_.push_back(s.name);
    router_.emplace(shared, starts, commit_lsn{0}, snapshots_);
  }

  /// Output as a person writes it: the sink, and what it gets.
  strings said(const std::vector<router::output>& outputs) const {
    strings out;
    for (const auto& o : outputs) say(out, names_.at(o.sink) + ": ", o.content);
    return out;
  }
  strings take(batch_builder& b) { return said(router_->take(b.build())); }
  strings take(batch_builder&& b) { return take(b); }
  /// The barrier of the next epoch, which completes at once.
  strings cut(std::uint64_t position) {
    const barrier b{++epoch_, commit_lsn{position}, wal_lsn{position}};
    auto out = said(router_->take(b));
    snapshots_.completed(epoch_);
    return out;
  }

  template <class Request>
  Request expect_next() {
    while (auto request = snapshots_.next()) {
      if (auto* wanted = std::get_if<Request>(&*request)) return *wanted;
      if (std::holds_alternative<probe_request>(*request)) snapshots_.probed(probe(100));
    }
    ADD_FAILURE() << "there is no such request";
    return {};
  }
  /// The snapshot of a table up to its first chunk.
  read_request first_chunk(const schema_ptr& schema = items()) {
    snapshots_.want_probe();
    const auto plan = expect_next<plan_request>();
    EXPECT_EQ(plan.table->id, schema->id);
    snapshots_.planned(plan, plan_split_at({}));
    cut(0);
    return expect_next<read_request>();
  }
  strings bring(const read_request& request, const std::vector<row>& rows,
                std::uint64_t high = 1000, const xid_snapshot& seen = sees_before(100)) {
    return said(router_->take(snapshots_.chunk_read(
        request, chunk_of(request.table, request.bounds.number, seen, high, rows))));
  }

  /// The next part of a table without a key.
  strings part() { return said(router_->take(snapshots_.next_part(1))); }

  temp_directory directory_;
  snapshot_driver snapshots_{
      {.spill = std::make_shared<spill_area>(directory_.path(), std::uint64_t{1} << 20)}};
  std::optional<router> router_;

 private:
  void say(strings& out, const std::string& sink, const payload& content) const {
    if (const auto* rows = std::get_if<routed_ptr>(&content)) {
      for (const auto& s : (*rows)->slices)
        for (const auto i : s.changes)
          out.push_back(sink + target(s.route)
                        + text_of(*(*rows)->rows, (*rows)->rows->changes[i]));
    } else if (const auto* e = std::get_if<snapshot_event>(&content)) {
      const auto generation = std::to_string(e->generation);
      if (e->what == snapshot_event::kind::begun)
        out.push_back(sink + target(e->route) + "begun " + generation);
      else if (e->what == snapshot_event::kind::finished)
        out.push_back(sink + target(e->route) + "finished " + generation);
      else if (e->what == snapshot_event::kind::given_up)
        out.push_back(sink + target(e->route) + "given up " + generation);
      else
        out.push_back(sink + target(e->route) + "chunk " + generation + "."
                      + std::to_string(e->chunk));
    } else if (const auto* b = std::get_if<barrier>(&content)) {
      out.push_back(sink + "barrier" + (b->consistent ? " consistent" : "")
                    + (b->commits ? " commits" : ""));
    } else if (const auto* r = std::get_if<route_changed>(&content)) {
      out.push_back(sink + target(r->after->id) + "changed");
    }
  }
  std::string target(route_id id) const { return router_->routes()[id]->target + " "; }

  strings names_;
  epoch_id epoch_ = 0;
};

target_progress standing_at(std::uint64_t position, bool consistent = true) {
  target_progress p;
  p.position = commit_lsn{position};
  p.consistent = consistent;
  return p;
}

TEST_F(Router, ATargetDropsWhatIsAtOrBeforeItsOwnPosition) {
  start({to("one", items()), to("two", items())},
        {{"one", standing_at(100)}, {"two", standing_at(200)}});
  EXPECT_EQ(take(commit(100).insert({"a", "1"})), strings{});
  EXPECT_EQ(take(commit(200).insert({"b", "1"})), strings{"one: items insert b 1"});
  EXPECT_EQ(take(commit(201).insert({"c", "1"})),
            (strings{"one: items insert c 1", "two: items insert c 1"}));
}

TEST_F(Router, OneTransactionMayLieOnBothSidesOfAPosition) {
  start({to("one", items())}, {{"one", standing_at(100)}});
  auto both = commit(100);
  both.insert({"a", "1"}).begin(101).insert({"b", "1"});
  EXPECT_EQ(take(both), strings{"one: items insert b 1"});
}

TEST_F(Router, ATableGoesToEveryRouteThatReadsIt) {
  auto second = to("one", items());
  second.target = "copy";
  start({to("one", items()), second, to("two", items())});
  EXPECT_EQ(take(commit(100).insert({"a", "1"})),
            (strings{"one: items insert a 1", "one: copy insert a 1", "two: items insert a 1"}));
}

TEST_F(Router, ATableWithoutARouteIsLeftAlone) {
  start({to("one", items())});
  EXPECT_EQ(take(commit(100, 700, others()).insert({"a"})), strings{});
}

TEST_F(Router, AnEpochCommitsAtTheSinksThatSomethingWentTo) {
  start({to("one", items()), to("two", others())},
        {{"one", standing_at(0)}, {"two", standing_at(0)}});
  take(commit(100).insert({"a", "1"}));
  EXPECT_EQ(cut(100), (strings{"one: barrier consistent commits", "two: barrier consistent"}));
  EXPECT_EQ(cut(100), (strings{"one: barrier consistent", "two: barrier consistent"}));
}

TEST_F(Router, WhatASinkIsPromisedIsCommittedAlsoWithoutRows) {
  start({to("one", items())});
  EXPECT_EQ(cut(100), strings{"one: barrier consistent commits"});
  router_->missing_reported("one");
  snapshots_.begin(items(), 1, {"one"});
  EXPECT_EQ(cut(101), strings{"one: barrier commits"});
}

TEST_F(Router, AnUnfinishedSnapshotIsAnnouncedAtTheStart) {
  start({to("one", items()), to("two", items()), to("two", others())});
  snapshots_.begin(items(), 3, {"two/items"});
  EXPECT_EQ(said(router_->start()), strings{"two: items begun 3"});
}

TEST_F(Router, AChunksRowsAreFollowedByItsNumber) {
  start({to("one", items())});
  snapshots_.begin(items(), 1, {});
  const auto request = first_chunk();
  EXPECT_EQ(bring(request, {{"a", "1"}, {"b", "1"}}),
            (strings{"one: items read a 1", "one: items read b 1", "one: items chunk 1.1"}));
}

TEST_F(Router, ARowThatThePassedStreamHasChangedIsDropped) {
  start({to("one", items())});
  snapshots_.begin(items(), 1, {});
  const auto request = first_chunk();
  EXPECT_EQ(take(commit(500, 150).update({"a", "newer"})), strings{"one: items update a newer"});
  EXPECT_EQ(bring(request, {{"a", "old"}, {"b", "1"}}, 1000, sees_before(200, {150})),
            (strings{"one: items read b 1", "one: items chunk 1.1"}));
}

TEST_F(Router, AChangeThatAChunkHoldsAlreadyIsAppliedAllTheSame) {
  start({to("one", items())});
  snapshots_.begin(items(), 1, {});
  bring(first_chunk(), {{"a", "newer"}}, 1000, sees_before(200));
  EXPECT_EQ(take(commit(500, 150).update({"a", "newer"})), strings{"one: items update a newer"});
}

TEST_F(Router, ASnapshotEndsInTheEpochThatHasPassedItsHigh) {
  start({to("one", items())});
  snapshots_.begin(items(), 1, {});
  bring(first_chunk(), {{"a", "1"}}, 1000);
  EXPECT_EQ(cut(999), strings{"one: barrier commits"});
  EXPECT_EQ(cut(1000), (strings{"one: items finished 1", "one: barrier consistent commits"}));
}

TEST_F(Router, TheSnapshotOfATableThatIsGoneIsGivenUpSoThatItsRowsStay) {
  start({to("one", items())});
  snapshots_.begin(items(), 2, {});
  const auto request = first_chunk();
  EXPECT_EQ(
      said(router_->take(snapshots_.chunk_read(request, failed_chunk(chunk_failure::table_gone)))),
      strings{});
  snapshots_.want_probe();
  ASSERT_TRUE(snapshots_.next().has_value());
  snapshots_.probed(probe(100));
  EXPECT_EQ(cut(1000), (strings{"one: items given up 2", "one: barrier consistent commits"}));
}

TEST_F(Router, NoChunkIsReadUntilTheStreamHasPassedTheForemostTarget) {
  start({to("one", items()), to("two", items())},
        {{"one", standing_at(0, false)}, {"two", standing_at(300, false)}});
  snapshots_.begin(items(), 1, {});
  while (auto request = snapshots_.next()) {
    ASSERT_TRUE(std::holds_alternative<probe_request>(*request));
    snapshots_.probed(probe(100));
  }
  cut(299);
  EXPECT_FALSE(snapshots_.next().has_value());
  cut(300);
  EXPECT_TRUE(snapshots_.next().has_value());
}

TEST_F(Router, ATargetThatIsAheadGetsNoChunkThatItHas) {
  auto ahead = standing_at(0, false);
  ahead.last_chunk["items"] = std::uint64_t{4} << 32 | 1;
  start({to("one", items()), to("two", items())}, {{"one", ahead}, {"two", standing_at(0, false)}});
  snapshots_.begin(items(), 4, {});
  EXPECT_EQ(bring(first_chunk(), {{"a", "1"}}),
            (strings{"two: items read a 1", "two: items chunk 4.1"}));
}

TEST_F(Router, ALogGetsEveryRowOfAChunkAlsoThoseThatAPassedChangeMadeOld) {
  start({to("one", items()), to("two", items(), route_mode::append)});
  snapshots_.begin(items(), 1, {});
  const auto request = first_chunk();
  take(commit(500, 150).update({"a", "newer"}));
  EXPECT_EQ(bring(request, {{"a", "old"}, {"b", "1"}}, 1000, sees_before(200, {150})),
            (strings{"one: items read b 1", "two: items read a old", "two: items read b 1",
                     "one: items chunk 1.1", "two: items chunk 1.1"}));
}

TEST_F(Router, ATableIsReadAgainForTheRoutesThatKeepItsRows) {
  auto log = to("one", items(), route_mode::append);
  log.target = "log";
  start({to("one", items()), log, to("two", items())});
  EXPECT_EQ(said(router_->read_again(items()->id, {"one"})), strings{"one: items begun 1"});
  EXPECT_EQ(said(router_->read_again(items()->id, {"three"})), strings{});
}

TEST_F(Router, ALogGetsNoRowsThatAnotherTargetMissed) {
  start({to("one", items()), to("one", items(), route_mode::append)});
  snapshots_.begin(items(), 1, {});
  bring(first_chunk(), {});
  snapshots_.add_missing(items()->id, "one", {.keys = {{"x"}}});
  const auto lookup = expect_next<keys_request>();
  EXPECT_EQ(said(router_->take(snapshots_.keys_read(
                lookup, chunk_of(items(), 0, sees_before(100), 1000, {{"x", "whole"}})))),
            strings{"one: items read x whole"});
}

TEST_F(Router, ChangesOfATableWithoutAKeyWaitForItsRows) {
  start({to("one", notes()), to("one", items())});
  snapshots_.begin(notes(), 1, {});
  EXPECT_EQ(said(router_->start()), strings{}) << "it begins with its rows";
  EXPECT_EQ(take(commit(100, 150, notes()).insert({"running"})), strings{});
  const auto request = first_chunk(notes());
  EXPECT_EQ(bring(request, {{"seen"}}, 1000, sees_before(200, {150})), strings{});
  EXPECT_EQ(part(), strings{"one: notes begun 1"});
  EXPECT_EQ(part(), strings{"one: notes read seen"});
  EXPECT_EQ(take(commit(300, 300).insert({"a", "1"})), strings{"one: items insert a 1"})
      << "other tables go on";
  EXPECT_EQ(take(commit(301, 140, notes()).insert({"seen"})), strings{});
  EXPECT_EQ(take(commit(302, 301, notes()).insert({"later"})), strings{});
  EXPECT_EQ(cut(302), strings{"one: barrier commits"});
  EXPECT_EQ(part(), strings{"one: notes chunk 1.1"});
  EXPECT_EQ(part(), strings{"one: notes insert running"});
  EXPECT_EQ(part(), strings{}) << "the rows hold it";
  EXPECT_EQ(part(), strings{"one: notes insert later"});
  EXPECT_FALSE(snapshots_.has_part());
  EXPECT_EQ(take(commit(400, 141, notes()).insert({"seen"})), strings{});
  EXPECT_EQ(take(commit(401, 302, notes()).insert({"last"})), strings{"one: notes insert last"});
  EXPECT_EQ(cut(1000), (strings{"one: notes finished 1", "one: barrier consistent commits"}));
}

TEST_F(Router, ALogTakesChangesOfATableWithoutAKeyAtOnce) {
  start({to("one", notes(), route_mode::append)});
  snapshots_.begin(notes(), 1, {});
  EXPECT_EQ(said(router_->start()), strings{"one: notes begun 1"});
  EXPECT_EQ(take(commit(100, 150, notes()).insert({"seen"})), strings{"one: notes insert seen"});
  bring(first_chunk(notes()), {{"seen"}}, 1000, sees_before(200));
  EXPECT_EQ(part(), strings{});
  EXPECT_EQ(part(), strings{"one: notes read seen"});
  EXPECT_EQ(part(), strings{"one: notes chunk 1.1"});
}

TEST_F(Router, OtherColumnsBeforeTheLastRowsOfATableWithoutAKeyBeginItAgain) {
  start({to("one", notes())});
  snapshots_.begin(notes(), 1, {});
  bring(first_chunk(notes()), {{"seen"}}, 1000, sees_before(200));
  EXPECT_EQ(part(), strings{"one: notes begun 1"});
  EXPECT_EQ(take(commit(100, 300, wider_notes()).insert({"a", "b"})),
            strings{"one: notes changed"});
  EXPECT_FALSE(snapshots_.has_part());
  EXPECT_EQ(snapshots_.find(3)->state().generation, 2U);
}

TEST_F(Router, ASinkThatMissesRowsIsNoCutUntilTheyHaveCome) {
  start({to("one", items())}, {{"one", standing_at(0)}});
  snapshots_.restore(items(), [] {
    table_snapshot s;
    s.phase = snapshot_phase::finished;
    return s;
  }());
  cut(100);
  router_->missing_reported("one");
  snapshots_.add_missing(items()->id, "one", {.keys = {{"x"}}});
  EXPECT_EQ(cut(200), strings{"one: barrier commits"});
  snapshots_.want_probe();
  const auto lookup = expect_next<keys_request>();
  router_->take(
      snapshots_.keys_read(lookup, chunk_of(items(), 0, sees_before(100), 1000, {{"x", "whole"}})));
  EXPECT_EQ(cut(999), strings{"one: barrier commits"});
  EXPECT_EQ(cut(1000), (strings{"one: items finished 1", "one: barrier consistent commits"}));
}

TEST_F(Router, ALookUpBeginsNoGenerationAtATargetThatHadNoPartInIt) {
  auto one = standing_at(0, false);
  one.last_chunk = {{"items", std::uint64_t{2} << 32 | 1}, {"copy", std::uint64_t{1} << 32 | 1}};
  auto copy = to("one", items());
  copy.target = "copy";
  start({to("one", items()), copy}, {{"one", one}});
  snapshots_.restore(items(), [] {
    table_snapshot s;
    s.generation = 2;
    s.sinks = {"one"};
    return s;
  }());
  EXPECT_EQ(said(router_->start()), strings{"one: items begun 2"});
}

TEST_F(Router, ASnapshotOnceMoreTakesBackWhatReadersWerePromised) {
  start({to("one", items()), to("two", others())},
        {{"one", standing_at(0)}, {"two", standing_at(0)}});
  EXPECT_EQ(said(router_->begin_snapshot(1, {})), strings{"one: items begun 1"});
  EXPECT_EQ(cut(100), (strings{"one: barrier commits", "two: barrier consistent"}));
}

TEST_F(Router, ASnapshotIsNumberedAboveWhatAnyTargetHasHeardOf) {
  auto one = standing_at(0);
  one.last_chunk["items"] = std::uint64_t{6} << 32 | 9;
  start({to("one", items()), to("two", items())}, {{"one", one}, {"two", standing_at(0)}});
  EXPECT_EQ(said(router_->begin_snapshot(1, {})),
            (strings{"one: items begun 7", "two: items begun 7"}));
  EXPECT_EQ(said(router_->begin_again(1)), (strings{"one: items begun 8", "two: items begun 8"}));
}

TEST_F(Router, ASnapshotForOneTargetLeavesTheOthersAlone) {
  start({to("one", items()), to("two", items())}, {{"one", standing_at(0)}});
  EXPECT_EQ(said(router_->begin_snapshot(1, {"two/items"})), strings{"two: items begun 1"});
  EXPECT_EQ(bring(first_chunk(), {{"a", "1"}}),
            (strings{"two: items read a 1", "two: items chunk 1.1"}));
}

TEST_F(Router, ASnapshotThatBeginsWhileOneIsUnderWayIsForBoth) {
  start({to("one", items()), to("two", items())});
  router_->begin_snapshot(1, {"one"});
  EXPECT_EQ(said(router_->begin_snapshot(1, {"two/items"})),
            (strings{"one: items begun 2", "two: items begun 2"}));
  router_->begin_snapshot(1, {});
  EXPECT_EQ(said(router_->begin_snapshot(1, {"two/items"})),
            (strings{"one: items begun 4", "two: items begun 4"}));
}

TEST_F(Router, AnotherVersionOfATableComesBeforeItsFirstRow) {
  start({to("one", items())});
  EXPECT_EQ(take(commit(100, 700, wider_items()).insert({"a", "1", "2"})),
            (strings{"one: items changed", "one: items insert a 1 2"}));
  EXPECT_EQ(take(commit(101, 700, wider_items()).insert({"b", "1", "2"})),
            strings{"one: items insert b 1 2"});
}

TEST_F(Router, ATargetThatIsAheadHearsOfAVersionToo) {
  start({to("one", items()), to("two", items())}, {{"two", standing_at(100)}});
  EXPECT_EQ(take(commit(100, 700, wider_items()).insert({"a", "1", "2"})),
            (strings{"one: items changed", "two: items changed", "one: items insert a 1 2"}));
}

TEST_F(Router, AChangedTableStopsARouteThatFollowsNone) {
  auto strict = to("one", items());
  strict.schema_changes = schema_policy::stop;
  start({strict});
  try {
    take(commit(100, 700, wider_items()).insert({"a", "1", "2"}));
    FAIL() << "the change was followed";
  } catch (const error& e) {
    EXPECT_EQ(e.kind(), error_kind::source);
    EXPECT_EQ(e.where(), "public.items");
    EXPECT_NE(std::string(e.what()).find("added more"), std::string::npos) << e.what();
  }
}

} // namespace

} // namespace leat::test
