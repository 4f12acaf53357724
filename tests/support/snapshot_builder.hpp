#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <utility>
#include <vector>

#include "dataflow/source.hpp"
#include "tests/support/batch_builder.hpp"

namespace leat::test {

/// A snapshot that sees everything before `next` but what is running.
inline xid_snapshot sees_before(std::uint64_t next, std::vector<std::uint64_t> running = {}) {
  return {running.empty() ? next : running.front(), next, std::move(running)};
}

inline visibility_probe probe(std::uint64_t next_xid, std::vector<std::uint64_t> running = {}) {
  visibility_probe p;
  p.seen = sees_before(next_xid, std::move(running));
  p.next_xid = next_xid;
  return p;
}

/// One chunk more than there are keys to split at.
inline chunk_plan plan_split_at(std::initializer_list<const char*> keys) {
  chunk_plan plan;
  plan.chunks.push_back({1, {}, {}});
  for (const auto* key : keys) {
    plan.chunks.back().upper = {key};
    plan.chunks.push_back({plan.chunks.size() + 1, {key}, {}});
  }
  return plan;
}

/// What a reader brings of chunk `number`; 0: of rows that were missed.
inline chunk_result chunk_of(const schema_ptr& schema, std::uint64_t number, xid_snapshot seen,
                             std::uint64_t high, const std::vector<row>& rows) {
  batch_builder b(schema);
  b.chunk(high, number);
  for (const auto& r : rows) b.read(r);
  chunk_result result;
  result.rows.bounds.number = number;
  result.rows.seen = std::move(seen);
  result.rows.high = wal_lsn{high};
  result.rows.rows = rows.size();
  if (!rows.empty()) result.rows.batches.push_back(b.build());
  return result;
}

inline chunk_result failed_chunk(chunk_failure why, std::uint64_t high = 0,
                                 const std::vector<std::string>& splits = {}) {
  chunk_result result;
  result.failure = why;
  result.rows.high = wal_lsn{high};
  for (const auto& key : splits) result.splits.push_back({key});
  return result;
}

/// A change as people write it: "insert 1 one", "remove 2", "truncate".
inline std::string text_of(const batch& b, const change& c) {
  constexpr const char* kinds[] = {"insert", "update", "remove", "truncate", "read"};
  std::string out = kinds[static_cast<std::size_t>(c.kind)];
  for (const auto& v : b.row(c, c.new_row != change::no_row ? c.new_row : c.old_row)) {
    if (v.has_value()) out += " " + std::string(b.text(v));
    if (v.is_null()) out += " null";
  }
  return out;
}

} // namespace leat::test
