#include <benchmark/benchmark.h>

#include <string>
#include <vector>

#include "bench/sample_rows.hpp"
#include "dataflow/expressions/expression.hpp"
#include "dataflow/route_builder.hpp"
#include "dataflow/row_maker.hpp"

// Routes and their expressions over the rows of a batch.

namespace leat::bench {
namespace {

schema_ptr typed_table() {
  auto table = std::make_shared<table_schema>(*sample_table());
  const value_class kinds[] = {value_class::int8, value_class::int4, value_class::numeric,
                               value_class::text, value_class::text, value_class::timestamptz};
  for (std::size_t i = 0; i < table->columns.size(); ++i) table->columns[i].kind = kinds[i];
  return table;
}

void evaluate(benchmark::State& state, const char* text) {
  constexpr int rows = 500;
  const auto table = typed_table();
  const auto batch = sample_batch(table, change_kind::insert, 0, rows);
  sql::evaluation e(sql::expression::compile(text, *table));
  for (auto _ : state)
    for (const auto& c : batch->changes)
      benchmark::DoNotOptimize(e.run(*batch, batch->new_row(c), &c).i);
  state.SetItemsProcessed(state.iterations() * rows);
}

/// From the router's batch to the writer, which counts.
void route_rows(benchmark::State& state, const route_options& options) {
  constexpr int rows = 500;
  const auto table = typed_table();
  const auto batch = sample_batch(table, change_kind::insert, 0, rows);
  sink_options sink;
  sink.connector = "blackhole";
  row_maker maker(std::make_shared<route>(build_route(options, sink, table, "bench", {}, {})), {});
  const auto changes = all_changes(*batch);
  std::size_t written = 0;
  for (auto _ : state) {
    maker.take(
        batch, changes, [&](const auto&, auto taken) { written += taken.size(); },
        [](const auto&) {});
    benchmark::DoNotOptimize(written);
  }
  state.SetItemsProcessed(state.iterations() * rows);
}

void route_that_takes_all(benchmark::State& state) { route_rows(state, {}); }
void route_that_filters(benchmark::State& state) {
  route_options options;
  options.where = "customer > 1000";
  route_rows(state, options);
}
void route_that_computes(benchmark::State& state) {
  route_options options;
  options.columns = {"id", "label"};
  options.computed = {{"label", "customer::text || '-' || state", {}}};
  route_rows(state, options);
}

BENCHMARK(route_that_takes_all);
BENCHMARK(route_that_filters);
BENCHMARK(route_that_computes);
BENCHMARK_CAPTURE(evaluate, filter_on_an_integer, "customer > 1000");
BENCHMARK_CAPTURE(evaluate, filter_of_two_columns, "customer > 1000 AND state = 'open'");
BENCHMARK_CAPTURE(evaluate, cast_and_concatenation, "customer::text || '-' || state");
BENCHMARK_CAPTURE(evaluate, cast_of_a_numeric, "(amount * 100)::bigint");
BENCHMARK_CAPTURE(evaluate, date_of_a_time_zone, "(at AT TIME ZONE 'Europe/Berlin')::date");
BENCHMARK_CAPTURE(evaluate, to_char, "to_char(at, 'YYYY-MM-DD HH24:MI')");

} // namespace
} // namespace leat::bench
