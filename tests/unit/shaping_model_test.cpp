#include <gtest/gtest.h>

#include <map>
#include <random>

#include "dataflow/fold.hpp"
#include "dataflow/route_builder.hpp"
#include "dataflow/shaping.hpp"
#include "tests/support/change_history.hpp"

// Random histories and routes: the target is the route's SELECT over the source at every flush.

namespace leat {
namespace {

using test::change_history;
using row_texts = std::vector<std::optional<std::string>>;
using table_of_rows = std::map<std::string, row_texts>;

/// The route's SELECT, evaluated over whole rows.
table_of_rows selected(const route_ptr& r, const change_history::contents& source) {
  table_of_rows out;
  shaping shaped(r);
  test::batch_builder builder(r->source());
  for (const auto& [id, kept] : source) {
    test::row cells{id};
    for (const auto& c : kept.cells) cells.push_back(c ? test::value(*c) : test::value(nullptr));
    builder.read(cells);
  }
  const auto rows = builder.build();
  const auto made = shaped.apply(rows, all_changes(*rows));
  for (const auto i : made.changes) {
    const auto cells = made.rows->new_row(made.rows->changes[i]);
    row_texts texts;
    for (const auto& c : r->columns)
      texts.push_back(cells[c.source].is_null()
                          ? std::nullopt
                          : std::optional<std::string>(made.rows->text(cells[c.source])));
    out[*texts[r->key[0]]] = texts;
  }
  return out;
}

/// A target on a map, that asks the source for rows it misses.
class asking_target {
 public:
  explicit asking_target(route_ptr r) : route_(std::move(r)), shaping_(route_), folded_(route_) {}

  void add(const batch_ptr& rows) {
    const auto made = shaping_.apply(rows, all_changes(*rows));
    folded_.add(made.rows, made.changes);
  }

  /// `source`: what it holds at this place of the stream.
  void flush(const change_history::contents& source) {
    write();
    auto asked = std::move(missing_);
    missing_.clear();
    asked_ += asked.size();
    test::batch_builder builder(route_->source());
    bool any = false;
    for (const auto& key : asked) {
      const auto at_source = route_->key_at_source({key});
      const auto found = source.find(std::stoi(at_source ? at_source->front() : key));
      if (found == source.end()) continue;
      test::row cells{found->first};
      for (const auto& c : found->second.cells)
        cells.push_back(c ? test::value(*c) : test::value(nullptr));
      builder.read(cells);
      any = true;
    }
    if (!any) return;
    add(builder.build());
    write();
  }

  const table_of_rows& rows() const { return rows_; }
  std::size_t asked() const { return asked_; }

 private:
  std::string key(std::uint32_t n) const { return std::string(folded_.key_text(n, 0)); }

  void write() {
    table_of_rows bases;
    for (const auto& e : folded_.entries())
      if (e.kind == fold_kind::moved && rows_.contains(key(e.base)))
        bases[key(e.base)] = rows_[key(e.base)];
    if (folded_.truncated()) rows_.clear();
    for (const auto& e : folded_.entries())
      if (e.kind == fold_kind::removed || e.kind == fold_kind::lost) rows_.erase(key(e.key));
    for (const auto& e : folded_.entries()) put(e, bases);
    folded_.clear();
  }

  void put(const fold_entry& e, const table_of_rows& bases) {
    if (e.kind == fold_kind::removed) return;
    const bool misses = e.kind == fold_kind::lost
                        || (e.kind == fold_kind::partial && !rows_.contains(key(e.key)))
                        || (e.kind == fold_kind::moved && !bases.contains(key(e.base)));
    if (misses) {
      rows_.erase(key(e.key));
      missing_.push_back(key(e.key));
      return;
    }
    row_texts row(route_->columns.size());
    if (e.kind == fold_kind::partial) row = rows_.at(key(e.key));
    if (e.kind == fold_kind::moved) row = bases.at(key(e.base));
    for (std::size_t i = 0; i < row.size(); ++i) {
      const auto column = route_->columns[i].source;
      if (folded_.state(e, column) == cell_state::null) row[i].reset();
      if (folded_.state(e, column) == cell_state::value)
        row[i] = std::string(folded_.text(e, column));
    }
    rows_[key(e.key)] = row;
  }

  route_ptr route_;
  shaping shaping_;
  fold folded_;
  table_of_rows rows_;
  std::vector<std::string> missing_;
  std::size_t asked_ = 0;
};

struct sample {
  const char* name;
  const char* where;
  std::vector<std::string> columns;
  std::vector<computed_column> computed;
  std::vector<std::string> key;
};

std::ostream& operator<<(std::ostream& out, const sample& s) { return out << s.name; }

const computed_column label{"label", "coalesce(name, '?') || ':' || id", ""};
const computed_column joined{"joined", "concat(name, '/', body)", ""};
const computed_column size{"size", "length(note)", "bigint"};
const computed_column tenfold{"k", "id * 10", ""};

class TransformModel : public testing::TestWithParam<std::tuple<sample, bool>> {};

TEST_P(TransformModel, TheTargetIsTheRoutesSelectOverTheSource) {
  const auto& [given, full] = GetParam();
  auto table = *change_history::schema();
  if (full) table.identity = replica_identity::full;
  route_options options;
  options.from = {"public.t"};
  options.where = given.where;
  if (!given.columns.empty()) options.columns = given.columns;
  options.computed = given.computed;
  if (!given.key.empty()) options.key = given.key;
  sink_options sink;
  sink.name = "test";
  sink.connector = "postgres";
  const auto r = std::make_shared<const route>(
      build_route(options, sink, std::make_shared<const table_schema>(table), "file"));
  std::size_t asked = 0;
  for (std::uint32_t seed = 0; seed < 500; ++seed) {
    std::mt19937 cuts(seed + 7);
    change_history history(seed, delete_mode::hard, full);
    asking_target target(r);
    for (int piece = 0; piece < 12; ++piece) {
      test::batch_builder builder(r->source());
      for (auto n = cuts() % 8; n > 0; --n) history.step(builder);
      const auto b = builder.build();
      target.add(b);
      if (cuts() % 3 != 0) continue;
      target.flush(history.expected());
      ASSERT_EQ(target.rows(), selected(r, history.expected()))
          << "seed " << seed << ", piece " << piece;
    }
    asked += target.asked();
  }
  if (!full && r->shape->where) {
    EXPECT_GT(asked, 0U) << "the histories leave no values unchanged";
  }
}

INSTANTIATE_TEST_SUITE_P(
    Routes, TransformModel,
    testing::Combine(
        testing::Values(
            sample{"EvenKeys", "id % 2 = 0", {}, {}, {}},
            sample{"WithAName", "name IS NOT NULL", {}, {}, {}},
            sample{"OfTheBody", "length(body) % 2 = 0", {}, {}, {}},
            sample{"OfSeveral", "id > 3 OR length(coalesce(note, '')) % 3 = 1", {}, {}, {}},
            sample{"Computed", "", {"*", "label"}, {label}, {}},
            sample{"ComputedOfTheUnchanged", "", {"id", "joined", "size"}, {joined, size}, {}},
            sample{"AllTogether",
                   "length(name) % 2 = 0 OR note IS NULL",
                   {"id", "joined", "body", "size"},
                   {joined, size},
                   {}}),
        testing::Bool()),
    [](const auto& test) {
      return std::string(std::get<0>(test.param).name) + (std::get<1>(test.param) ? "Full" : "");
    });

INSTANTIATE_TEST_SUITE_P(ComputedKey, TransformModel,
                         testing::Combine(testing::Values(sample{"TenfoldKey",
                                                                 "id % 3 <> 0",
                                                                 {"k", "name", "body", "note"},
                                                                 {tenfold},
                                                                 {"k"}}),
                                          testing::Values(true)),
                         [](const auto&) { return std::string("Full"); });

} // namespace
} // namespace leat
