#include <benchmark/benchmark.h>

#include "bench/sample_rows.hpp"
#include "plugins/shared_objects/transform_type.hpp"

// What the border of a plugin costs: the same work behind it, and as a transform of leat's own.
// Both start from the same batch, which is put back each time; the difference is the border.

namespace leat::bench {

namespace {

constexpr int rows = 500;

class keeping : public transform {
 public:
  void apply(batch& b) override { benchmark::DoNotOptimize(b.changes.data()); }
};

/// Rows of the same cells, one behind the other.
class copying : public transform {
 public:
  void apply(batch& b) override {
    changes_.clear();
    cells_.clear();
    for (auto c : b.changes) {
      const auto row = b.new_row(c);
      c.new_row = static_cast<std::uint32_t>(b.cells.size() + cells_.size());
      cells_.insert(cells_.end(), row.begin(), row.end());
      changes_.push_back(c);
    }
    b.cells.insert(b.cells.end(), cells_.begin(), cells_.end());
    b.changes.swap(changes_);
  }

 private:
  std::vector<cell> cells_;
  std::vector<change> changes_;
};

void run(benchmark::State& state, transform& t) {
  const auto table = sample_table();
  const auto sample = sample_batch(table, change_kind::insert, 0, rows);
  batch work(*sample);
  for (auto _ : state) {
    work.changes = sample->changes;
    work.cells.resize(sample->cells.size());
    work.tables = {table};
    t.apply(work);
  }
  if (work.changes.size() != rows) state.SkipWithError("rows are missing");
  state.SetItemsProcessed(state.iterations() * rows);
}

void run_plugin(benchmark::State& state, const char* json) {
  transform_options o;
  o.name = "border";
  o.plugin = LEAT_BORDER_PLUGIN;
  o.json = json;
  const auto type = shared_objects::make_transform_type(o, [](const auto&...) { std::abort(); });
  const auto table = sample_table();
  const auto described = type->describe({table});
  transform_place place{table, described.rows, route_mode::upsert, "bench"};
  place.from = described.from;
  const auto t = type->create(place);
  run(state, *t);
}

void keep_inside(benchmark::State& state) {
  keeping t;
  run(state, t);
}
void keep_in_a_plugin(benchmark::State& state) { run_plugin(state, R"({"mode":"keep"})"); }
void copy_inside(benchmark::State& state) {
  copying t;
  run(state, t);
}
void copy_in_a_plugin(benchmark::State& state) { run_plugin(state, R"({"mode":"copy"})"); }

BENCHMARK(keep_inside);
BENCHMARK(keep_in_a_plugin);
BENCHMARK(copy_inside);
BENCHMARK(copy_in_a_plugin);

} // namespace

} // namespace leat::bench
