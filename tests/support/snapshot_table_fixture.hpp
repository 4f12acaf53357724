#pragma once

#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "dataflow/snapshot_table.hpp"
#include "tests/support/snapshot_builder.hpp"

// A snapshot_table whose stream, reads and probes are given by hand.

namespace leat::test {

using strings = std::vector<std::string>;

class SnapshotTable : public testing::Test {
 protected:
  static constexpr std::size_t plenty = std::size_t{1} << 20;
  static constexpr std::size_t readers = 2;

  static schema_ptr items() {
    static const auto schema = table("public.items")
                                   .column("id", value_class::text)
                                   .column("name", value_class::text)
                                   .key({"id"})
                                   .build();
    return schema;
  }

  /// What is emitted, as a person writes it.
  static strings said(const std::vector<chunk_emission>& emissions) {
    strings out;
    for (const auto& e : emissions) {
      if (e.first) out.emplace_back("first");
      for (const auto i : e.changes) out.push_back(text_of(*e.rows, e.rows->changes[i]));
      if (e.last) out.push_back("end of " + std::to_string(e.chunk));
    }
    return out;
  }

  snapshot_table table_{items(), 1, {}, plenty};

  request_ticket ticket() { return request_ticket{++tickets_}; }

  void plan(const chunk_plan& p, epoch_id epoch = 1) {
    const auto t = ticket();
    table_.ask(t);
    table_.planned(t, p, epoch);
  }
  /// Reading, with checkpoint 1 complete.
  void read_in_chunks(std::initializer_list<const char*> split) {
    table_.probed(probe(100));
    plan(plan_split_at(split));
  }
  std::optional<chunk_bounds> next(epoch_id completed = 1) {
    last_ = ticket();
    return table_.next_chunk(last_, completed, readers);
  }
  /// The number of the chunk that is to be read; 0: none.
  std::uint64_t number_of_next(epoch_id completed = 1) {
    const auto bounds = next(completed);
    return bounds ? bounds->number : 0;
  }
  strings read(request_ticket t, const chunk_result& r, epoch_id epoch = 2) {
    return said(table_.chunk_read(t, r, epoch));
  }
  strings read_next(const std::vector<row>& rows, std::uint64_t high = 1000,
                    const xid_snapshot& seen = sees_before(100)) {
    const auto number = number_of_next();
    return read(last_, chunk_of(items(), number, seen, high, rows));
  }
  void pass(batch_builder& b) {
    const auto rows = b.build();
    table_.pass(*rows, all_changes(*rows));
  }
  void update(const char* key, std::uint32_t xid) {
    pass(batch_builder(items()).begin(500, 0, xid).update({key, "newer"}));
  }
  /// A table whose chunks are all emitted, and have passed.
  void finish() {
    read_in_chunks({});
    read_next({});
    table_.passed(wal_lsn{1000});
  }
  /// A chunk has met other columns; the stream has passed that, and the catalog tells of these.
  void describe_after_other_columns(const table_description& d) {
    read_in_chunks({});
    EXPECT_EQ(number_of_next(), 1U);
    read(last_, failed_chunk(chunk_failure::columns_changed, 3000));
    table_.passed(wal_lsn{3000});
    const auto t = ticket();
    table_.ask(t);
    table_.described(t, d);
  }
  /// The fence for the look-up is passed.
  void miss_after_the_end(std::vector<strings> keys) {
    finish();
    table_.add_missing("one", {.keys = std::move(keys)});
    table_.probed(probe(300));
    table_.probed(probe(300));
  }
  std::optional<snapshot_table::key_lookup> look_up() {
    last_ = ticket();
    return table_.next_keys(last_);
  }
  strings found(const std::vector<row>& rows, const xid_snapshot& seen, std::uint64_t high = 2000) {
    return said(table_.keys_read(last_, chunk_of(items(), 0, seen, high, rows)));
  }
  snapshot_phase phase() const { return table_.state().phase; }

  request_ticket last_{};

 private:
  std::uint64_t tickets_ = 0;
};

} // namespace leat::test
