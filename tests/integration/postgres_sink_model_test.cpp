#include <gmock/gmock.h>

#include <algorithm>
#include <map>
#include <random>

#include "tests/integration/postgres_sink_fixture.hpp"

namespace leat::test {

namespace {

/// A table (k1, k2, plain, toasted) in memory, and the changes that a stream would bring of it.
class model {
 public:
  struct cells {
    std::string plain;
    std::optional<std::string> toasted;
    auto operator<=>(const cells&) const = default;
  };
  using key = std::pair<int, std::string>;

  model(unsigned seed, bool full) : random_(seed), full_(full) {}

  static schema_ptr schema(bool keyed) {
    return source_table(
        "model",
        {{"k1", "integer"}, {"k2", "character varying(9)"}, {"plain", "text"}, {"toasted", "text"}},
        keyed ? 2 : 0);
  }

  /// Changes the table, and adds the change to the batch.
  void step(batch_builder& out) {
    const auto what = pick(100);
    if (what == 0) {
      rows.clear();
      out.truncate();
    } else if (what < 35 || rows.empty()) {
      insert(out);
    } else if (what < 55) {
      remove(out);
    } else if (what < 80) {
      update(out);
    } else {
      move(out);
    }
  }

  std::string text() const {
    std::string lines;
    for (const auto& [k, c] : rows)
      lines += std::to_string(k.first) + "|" + k.second + "|" + c.plain + "|"
               + c.toasted.value_or("NULL") + " ";
    return lines;
  }

  std::map<key, cells> rows;

 private:
  unsigned pick(unsigned bound) { return static_cast<unsigned>(random_() % bound); }
  key any_key() {
    return {static_cast<int>(pick(3)), std::string(1, static_cast<char>('a' + pick(3)))};
  }
  std::optional<std::string> fresh() {
    return pick(5) == 0 ? std::nullopt : std::optional("v" + std::to_string(++values_));
  }
  std::map<key, cells>::iterator any_row() {
    return std::next(rows.begin(),
                     static_cast<std::ptrdiff_t>(pick(static_cast<unsigned>(rows.size()))));
  }

  static value toast(const std::optional<std::string>& text) {
    return text ? value(*text) : value(nullptr);
  }
  static row whole(const key& k, const cells& c) {
    return {k.first, k.second, c.plain, toast(c.toasted)};
  }
  row old_of(const key& k, const cells& c) const {
    return full_ ? whole(k, c) : row{k.first, k.second, absent, absent};
  }
  old_row_kind old_kind() const { return full_ ? old_row_kind::full : old_row_kind::key; }

  void insert(batch_builder& out) {
    const auto k = any_key();
    if (rows.contains(k)) return;
    rows[k] = {*fresh_text(), fresh()};
    out.insert(whole(k, rows[k]));
  }
  std::optional<std::string> fresh_text() { return "p" + std::to_string(++values_); }

  void remove(batch_builder& out) {
    const auto at = any_row();
    out.remove(old_of(at->first, at->second), old_kind());
    rows.erase(at);
  }

  void update(batch_builder& out) {
    const auto at = any_row();
    const auto before = at->second;
    const auto after = changed(at->second);
    if (full_)
      out.update(whole(at->first, before), with_key(at->first, after), old_row_kind::full);
    else
      out.update(with_key(at->first, after));
  }

  void move(batch_builder& out) {
    const auto at = any_row();
    const auto to = any_key();
    if (rows.contains(to)) return;
    const auto from = at->first;
    const auto before = at->second;
    const auto after = changed(at->second);
    rows[to] = at->second;
    rows.erase(from);
    out.update(old_of(from, before), with_key(to, after), old_kind());
  }

  /// Changes a row; gives its new cells, the toasted one unchanged or not.
  std::vector<value> changed(cells& c) {
    c.plain = *fresh_text();
    if (pick(2) == 0) return {c.plain, unchanged};
    c.toasted = fresh();
    return {c.plain, toast(c.toasted)};
  }
  static row with_key(const key& k, const std::vector<value>& cells) {
    return {k.first, k.second, cells[0], cells[1]};
  }

  std::mt19937 random_;
  bool full_;
  int values_ = 0;
};

struct variant {
  bool keyed = true;
  bool full = false;
  delete_mode removal = delete_mode::hard;
};

} // namespace

class postgres_sink_model_test : public postgres_sink_test {
 protected:
  /// A random history, cut at random into flushes and epochs, some of which are lost in a crash.
  void live(unsigned seed, const variant& v) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    execute("DROP TABLE IF EXISTS model, leat_progress, leat_progress_table");
    const auto schema = model::schema(v.keyed);
    auto route = route_of(schema);
    route.removal = v.removal;
    const auto shared = share(std::move(route));
    std::mt19937 random(seed);
    model source(seed, v.full);
    auto committed = source.rows;
    auto sink = std::make_unique<sink_driver>(open(options()));
    sink->attach(shared);
    sink->commit_next();
    for (int epoch = 0; epoch < 6; ++epoch) {
      for (auto flushes = random() % 3; flushes > 0; --flushes) {
        batch_builder batch(schema);
        for (auto changes = random() % 12; changes > 0; --changes) source.step(batch);
        sink->write(batch.build());
        if (random() % 2 == 0) sink->route_writer().flush();
      }
      if (random() % 4 == 0) {
        sink = nullptr;
        source.rows = committed;
        sink = std::make_unique<sink_driver>(open(options()));
        sink->attach(shared);
      } else {
        ASSERT_THAT(sink->commit_next(), ::testing::IsEmpty());
        committed = source.rows;
      }
      ASSERT_EQ(target_text(v), source.text());
    }
  }

  std::string target_text(const variant& v) const {
    const auto alive = v.removal == delete_mode::soft ? " WHERE NOT _leat_deleted" : "";
    const auto text = rows_of(std::string("SELECT k1, k2, plain, toasted FROM model") + alive
                              + " ORDER BY k1, k2 COLLATE \"C\"");
    return text.empty() ? text : text + " ";
  }
};

TEST_F(postgres_sink_model_test, HoldsWhatTheSourceHoldsWhateverTheCuts) {
  for (unsigned seed = 0; seed < 30; ++seed) live(seed, {});
}

TEST_F(postgres_sink_model_test, HoldsTheLivingRowsWhenDeletesAreSoft) {
  for (unsigned seed = 1000; seed < 1015; ++seed) live(seed, {.removal = delete_mode::soft});
}

TEST_F(postgres_sink_model_test, HoldsWhatTheSourceHoldsUnderFullIdentity) {
  for (unsigned seed = 2000; seed < 2012; ++seed) live(seed, {.full = true});
}

TEST_F(postgres_sink_model_test, HoldsWhatTheSourceHoldsWithoutAKey) {
  for (unsigned seed = 3000; seed < 3012; ++seed) live(seed, {.keyed = false, .full = true});
}

} // namespace leat::test
