#pragma once

#include <filesystem>
#include <initializer_list>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "state/checkpoint_store.hpp"
#include "tests/support/temp_directory.hpp"

namespace leat::test {

inline schema_ptr schema(oid id, std::string name) {
  table_schema s;
  s.id = id;
  s.schema = "We\"\"ird";
  s.name = std::move(name);
  s.identity = replica_identity::full;
  s.columns = {{.name = "id",
                .type = 23,
                .type_name = "integer",
                .kind = value_class::int4,
                .identity = true,
                .nullable = false,
                .number = 1,
                .labels = {},
                .comment = {}},
               {.name = "Таблица",
                .type = 70000,
                .modifier = 20,
                .type_name = "shop.mood",
                .number = -3,
                .built_in = false,
                .labels = {"so", "Träge\""},
                .comment = {}}};
  s.key = {0};
  return std::make_shared<const table_schema>(std::move(s));
}

inline std::vector<chunk_bounds> chunks(std::uint64_t from, std::uint64_t to) {
  std::vector<chunk_bounds> list;
  for (auto n = from; n <= to; ++n)
    list.push_back({.number = n, .lower = {std::to_string(n)}, .upper = {std::to_string(n + 1)}});
  return list;
}

/// Halves the first chunk; the ones after it are counted anew.
inline void split_first(std::vector<chunk_bounds>& pending) {
  auto first = pending.front();
  first.upper = pending.front().lower = {pending.front().lower.at(0) + ".5"};
  for (auto& c : pending) ++c.number;
  pending.insert(pending.begin(), std::move(first));
}

inline touched_keys touched(std::initializer_list<key_hash> keys) {
  touched_keys t;
  for (const auto& key : keys) t.keys.insert(key);
  return t;
}

inline checkpoint state_at(epoch_id epoch) {
  checkpoint c;
  c.epoch = epoch;
  c.position = commit_lsn{0xfedcba9876543210U + epoch};
  c.resume = wal_lsn{0xfedcba9876543211U + epoch};
  c.schemas = {{16384, schema(16384, "a")}, {4000000000U, schema(4000000000U, "b")}};
  c.sink_epochs = {{"dwh", epoch}, {"lake", 3}};
  c.routes = {{"dwh/a", "print 1"}, {"lake/b", std::string("\0\xff", 2)}};
  auto& s = c.snapshots[16384];
  s.generation = 7;
  s.phase = snapshot_phase::reading;
  s.fence_xid = (std::uint64_t{5} << 32) + 1;
  s.storage = 0xffffffffffffffffU;
  s.stamp = {4000000001U, 0xfffffffffffffffeU, {{1, 4000000002U}, {1600, 3}}};
  s.chunks = chunks(1, 5);
  s.chunks_emitted = 4;
  s.rows_emitted = 40'000;
  s.rows_estimated = 1'000'000'000'000;
  s.high = wal_lsn{77};
  s.touched = {{4294967295U, touched({{1, 0xffffffffffffffffU}, {3, 4}})},
               {3, {.all = true, .keys = {}}},
               {4, {.overflowed = true, .and_older = true, .keys = {}}}};
  s.sinks = {"dwh"};
  c.missing["dwh"][16384] = {.keys = {{"1"}, {std::string("a\0b", 3)}}};
  c.missing["dwh"][16385] = {.whole = true, .keys = {}};
  return c;
}

inline void expect_equal(const checkpoint& a, const checkpoint& b) {
  EXPECT_EQ(a.epoch, b.epoch);
  EXPECT_EQ(a.position, b.position);
  EXPECT_EQ(a.resume, b.resume);
  ASSERT_EQ(a.schemas.size(), b.schemas.size());
  for (const auto& [id, s] : a.schemas) EXPECT_EQ(*s, *b.schemas.at(id));
  EXPECT_EQ(a.snapshots, b.snapshots);
  EXPECT_EQ(a.sink_epochs, b.sink_epochs);
  EXPECT_EQ(a.routes, b.routes);
  EXPECT_EQ(a.missing, b.missing);
}

/// A state directory that is made by the first open().
class checkpoint_store_fixture : public testing::Test {
 protected:
  std::unique_ptr<state_store> open(bool read_only = false) { return open_state(path, read_only); }

  temp_directory directory;
  std::filesystem::path path = directory / "not/yet/there";
};

} // namespace leat::test
