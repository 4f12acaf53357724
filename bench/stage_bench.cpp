#include <benchmark/benchmark.h>

#include "bench/sample_rows.hpp"
#include "dataflow/credit.hpp"
#include "dataflow/fold.hpp"
#include "dataflow/input_gate.hpp"
#include "dataflow/router.hpp"
#include "dataflow/snapshot_driver.hpp"
#include "dataflow/snapshot_merge.hpp"

// What a row costs in the stages between decoder and target. Items are rows.
namespace leat::bench {
namespace {

constexpr int batch_rows = 500;

void count_rows(benchmark::State& state, std::size_t each) {
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(each));
}

void batch_building(benchmark::State& state) {
  const auto table = sample_table();
  const std::string text(16, 'x');
  for (auto _ : state) {
    batch rows;
    rows.tables.push_back(table);
    rows.transactions.push_back({});
    for (int i = 0; i < batch_rows; ++i) {
      change c;
      c.new_row = static_cast<std::uint32_t>(rows.cells.size());
      for (int k = 0; k < sample_columns; ++k) rows.cells.push_back(rows.add_value(text));
      rows.changes.push_back(c);
    }
    benchmark::DoNotOptimize(rows.arena.data());
  }
  count_rows(state, batch_rows);
}

/// A frame over one edge: stamped, taken in, worked off, granted.
void channel(benchmark::State& state) {
  const auto rows_each = static_cast<int>(state.range(0));
  const auto rows = sample_batch(sample_table(), change_kind::insert, 0, rows_each);
  const credit_window window;
  credit_sender sender(1, window);
  input_gate gate;
  gate.open(1, window);
  for (auto _ : state) {
    gate.push(sender.stamp(rows));
    const auto f = gate.next();
    if (const auto due = gate.done(*f)) sender.take(*due);
    benchmark::DoNotOptimize(sender.may_send());
  }
  count_rows(state, static_cast<std::size_t>(rows_each));
}

void routing(benchmark::State& state) {
  const auto table = sample_table();
  const auto rows = sample_batch(table, change_kind::insert, 0, batch_rows);
  snapshot_driver none({});
  router r({sample_route(table)}, {{"target", {}}}, {}, none);
  for (auto _ : state) benchmark::DoNotOptimize(r.take(rows));
  count_rows(state, batch_rows);
}

void folding(benchmark::State& state, int distinct_batches) {
  const auto table = sample_table();
  fold f(sample_route(table));
  std::vector<batch_ptr> batches;
  for (int i = 0; i < distinct_batches; ++i)
    batches.push_back(sample_batch(table, change_kind::update, i * batch_rows, batch_rows));
  const auto changes = all_changes(*batches.front());
  constexpr int rounds = 100;
  for (auto _ : state) {
    for (int i = 0; i < rounds; ++i)
      f.add(batches[static_cast<std::size_t>(i % distinct_batches)], changes);
    benchmark::DoNotOptimize(f.entries().data());
    f.clear();
  }
  count_rows(state, rounds * batch_rows);
}
void fold_distinct_keys(benchmark::State& state) { folding(state, 100); }
void fold_hot_keys(benchmark::State& state) { folding(state, 1); }

constexpr std::size_t key_memory = 64U << 20;

/// Changes that pass while a table is being read.
void merge_pass(benchmark::State& state) {
  const auto table = sample_table();
  const auto rows = sample_batch(table, change_kind::update, 0, batch_rows);
  const auto changes = all_changes(*rows);
  snapshot_merge merge(key_memory);
  for (auto _ : state) merge.pass(*rows, changes, table->key);
  count_rows(state, batch_rows);
}

/// A chunk of 10,000 rows against `touched` keys that it does not see.
void merge_chunk(benchmark::State& state) {
  const auto table = sample_table();
  const auto touched = static_cast<int>(state.range(0));
  const auto chunk = sample_batch(table, change_kind::read, 0, 10000);
  snapshot_merge merge(key_memory);
  if (touched > 0) {
    const auto passed = sample_batch(table, change_kind::update, 0, touched, 1000);
    merge.pass(*passed, all_changes(*passed), table->key);
  }
  const xid_snapshot before{500, 600, {}};
  for (auto _ : state) {
    const auto filter = merge.admit(merge.open(), before);
    benchmark::DoNotOptimize(filter->select(*chunk, table->key));
  }
  count_rows(state, 10000);
}

BENCHMARK(batch_building);
BENCHMARK(channel)->Arg(1)->Arg(batch_rows);
BENCHMARK(routing);
BENCHMARK(fold_distinct_keys);
BENCHMARK(fold_hot_keys);
BENCHMARK(merge_pass);
BENCHMARK(merge_chunk)->Arg(0)->Arg(10)->Arg(5000);

} // namespace
} // namespace leat::bench
