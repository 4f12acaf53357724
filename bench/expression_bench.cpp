#include <benchmark/benchmark.h>

#include <string>
#include <vector>

#include "bench/sample_rows.hpp"
#include "dataflow/expressions/expression.hpp"

// Expressions of a route over the rows of a batch.

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

BENCHMARK_CAPTURE(evaluate, filter_on_an_integer, "customer > 1000");
BENCHMARK_CAPTURE(evaluate, filter_of_two_columns, "customer > 1000 AND state = 'open'");
BENCHMARK_CAPTURE(evaluate, cast_and_concatenation, "customer::text || '-' || state");
BENCHMARK_CAPTURE(evaluate, cast_of_a_numeric, "(amount * 100)::bigint");
BENCHMARK_CAPTURE(evaluate, date_of_a_time_zone, "(at AT TIME ZONE 'Europe/Berlin')::date");
BENCHMARK_CAPTURE(evaluate, to_char, "to_char(at, 'YYYY-MM-DD HH24:MI')");

} // namespace
} // namespace leat::bench
