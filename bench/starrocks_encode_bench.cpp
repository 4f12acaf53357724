#include <benchmark/benchmark.h>

#include <string>
#include <vector>

#include "plugins/starrocks/encode.hpp"

// Rows of about 100 bytes into the body of a StarRocks load.

namespace leat::starrocks {
namespace {

load_column of(const char* name, value_class kind, const char* type_name) {
  column c;
  c.kind = kind;
  c.type_name = type_name;
  return {name, type_of(c, false, {}), true};
}

void encode_rows(benchmark::State& state, load_format format) {
  row_encoder rows({of("id", value_class::int8, "bigint"),
                    of("customer", value_class::int4, "integer"),
                    of("total", value_class::numeric, "numeric(12,2)"),
                    of("placed_at", value_class::timestamptz, "timestamp with time zone"),
                    of("note", value_class::text, "text")},
                   format, {}, true);
  const std::vector<std::string> texts{"1234567890", "4711", "1999.90",
                                       "2024-05-01 12:00:00.123456+00",
                                       "an order of the usual kind, sent to the usual place"};
  constexpr int batch = 10000;
  for (auto _ : state) {
    for (int i = 0; i < batch; ++i) {
      rows.begin(row_op::upsert);
      for (std::size_t c = 0; c < texts.size(); ++c)
        benchmark::DoNotOptimize(rows.value(c, texts[c]));
      rows.end();
    }
    auto body = rows.take();
    benchmark::DoNotOptimize(body.data());
  }
  state.SetItemsProcessed(state.iterations() * batch);
}

BENCHMARK_CAPTURE(encode_rows, json, load_format::json);
BENCHMARK_CAPTURE(encode_rows, csv, load_format::csv);

} // namespace
} // namespace leat::starrocks
