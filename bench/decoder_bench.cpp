#include <benchmark/benchmark.h>

#include <functional>

#include "plugins/postgres/stream_decoder.hpp"
#include "tests/support/change_log.hpp"
#include "tests/support/pgoutput_builder.hpp"
#include "tests/support/temp_directory.hpp"

// What a row message costs from XLogData to a finished batch.
namespace leat::postgres {
namespace {

using test::pgoutput_builder;

constexpr int rows = 1000;

const test::wire_table narrow{
    .id = 1, .name = "narrow", .columns = {"*id", "customer", "amount", "state", "note", "at"}};

test::wire_row narrow_row(int i) {
  return {std::to_string(1000000 + i), std::to_string(4711 + i % 100), "199.95", "open", nullptr,
          "2024-02-29 12:34:56.789"};
}

/// Transactions of `rows` rows that are alike but for their position.
pgoutput_builder transactions(const std::function<void(pgoutput_builder&, int)>& write, int count,
                              int rows_each) {
  pgoutput_builder b;
  b.begin(1).relation(narrow).commit();
  for (int t = 0; t < count; ++t) {
    b.begin(0x100 + static_cast<std::uint64_t>(t) * 0x40);
    for (int i = 0; i < rows_each; ++i) write(b, i);
    b.commit();
  }
  return b;
}

void decode(benchmark::State& state, const pgoutput_builder& stream, std::int64_t row_messages) {
  test::temp_directory directory;
  spill_area area(directory.path(), 1ULL << 30);
  test::plain_resolver resolver;
  for (auto _ : state) {
    stream_decoder decoder(resolver, area, {});
    for (const auto& message : stream.messages()) {
      decoder.feed(message);
      while (decoder.full() || decoder.replaying()) {
        if (decoder.full()) benchmark::DoNotOptimize(decoder.take());
        if (decoder.replaying()) decoder.replay();
      }
    }
    benchmark::DoNotOptimize(decoder.take());
  }
  state.SetItemsProcessed(static_cast<std::int64_t>(state.iterations()) * row_messages);
}

void narrow_inserts(benchmark::State& state) {
  decode(state, transactions([](auto& b, int i) { b.insert(narrow_row(i)); }, 20, rows), 20 * rows);
}

void narrow_updates_with_full_old_rows(benchmark::State& state) {
  const auto write = [](auto& b, int i) { b.update('O', narrow_row(i), narrow_row(i + 1)); };
  decode(state, transactions(write, 20, rows), 20 * rows);
}

void rows_of_1_kb(benchmark::State& state) {
  const auto write = [](auto& b, int i) {
    auto row = narrow_row(i);
    row[4] = std::string(1000, 'x');
    b.insert(row);
  };
  decode(state, transactions(write, 10, rows), 10 * rows);
}

void transactions_of_one_row(benchmark::State& state) {
  decode(state, transactions([](auto& b, int i) { b.insert(narrow_row(i)); }, 10000, 1), 10000);
}

void narrow_inserts_streamed(benchmark::State& state) {
  pgoutput_builder b;
  for (int block = 0; block < 20; ++block) {
    b.stream_start(70, block == 0);
    if (block == 0) b.relation(narrow);
    for (int i = 0; i < rows; ++i) b.insert(narrow_row(i));
    b.stream_stop();
  }
  b.stream_commit(70, 0x100);
  decode(state, b, 20 * rows);
}

BENCHMARK(narrow_inserts);
BENCHMARK(narrow_updates_with_full_old_rows);
BENCHMARK(rows_of_1_kb);
BENCHMARK(transactions_of_one_row);
BENCHMARK(narrow_inserts_streamed);

} // namespace
} // namespace leat::postgres
