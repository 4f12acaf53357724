#include "tests/simulation/sim_source.hpp"

#include <algorithm>

#include "dataflow/error.hpp"

namespace leat::sim {

namespace {

/// In the index of rows that were looked up (R6).
constexpr std::uint64_t lookup_mark = std::uint64_t{1} << 62;

bool within(const std::string& key, const chunk_bounds& b) {
  return (b.lower.empty() || key >= b.lower[0]) && (b.upper.empty() || key < b.upper[0]);
}

/// A connection that breaks now and then, and whose reads take all sorts of ends.
class sim_reader : public table_reader {
 public:
  sim_reader(world& w, model::random& r) : world_(w), random_(r) {}

  visibility_probe probe() override {
    use_connection("reader: probe");
    auto& db = world_.database;
    return {db.source.snapshot(), db.wal_end(), db.source.next_xid()};
  }
  table_description describe(oid table) override {
    use_connection("reader: describe");
    return {world_.database.catalog(sim_database::table_of(table)).schema,
            world_.database.wal_end()};
  }
  chunk_plan plan(const table_schema& t) override {
    use_connection("reader: plan");
    chunk_plan p;
    p.storage = 1;
    std::vector<std::string> from{""};
    for (const char key : keys_of(t))
      if (random_.chance(2)) from.emplace_back(1, key);
    for (std::size_t i = 0; i < from.size(); ++i) {
      chunk_bounds b{i + 1, {}, {}};
      if (i != 0) b.lower = {from[i]};
      if (i + 1 != from.size()) b.upper = {from[i + 1]};
      p.chunks.push_back(std::move(b));
    }
    if (t.key.empty() || random_.chance(2)) return p;
    const auto rows = rows_of(t);
    if (!rows.empty()) p.chunks.back().upper = {rows.rbegin()->first + "0"};
    return p;
  }
  chunk_result read(const table_schema& t, const chunk_bounds& bounds, std::uint64_t,
                    const std::string&) override {
    use_connection("reader: chunk");
    chunk_result r;
    r.rows = start(bounds);
    if (random_.chance(30)) {
      r.failure = chunk_failure::rewritten;
      world_.trace("rewritten");
      return r;
    }
    if (!in_catalog(t, r)) return r;
    if (t.key.empty()) {
      read_bag(r.rows);
      return r;
    }
    auto all = rows_of(t);
    std::erase_if(all, [&](const auto& each) { return !within(each.first, bounds); });
    if (all.size() > 1 && random_.chance(6)) {
      r.failure = chunk_failure::too_large;
      world_.trace("too large");
      for (auto row = std::next(all.begin()); row != all.end(); ++row)
        if (r.splits.empty() || random_.chance(50)) r.splits.push_back({row->first});
      return r;
    }
    put(r.rows, t, all, bounds.number << 32);
    return r;
  }
  chunk_result read_keys(const table_schema& t, const std::vector<std::uint16_t>&,
                         const std::vector<std::vector<std::string>>& keys) override {
    use_connection("reader: keys");
    chunk_result r;
    r.rows = start({});
    if (!in_catalog(t, r)) return r;
    auto all = rows_of(t);
    std::erase_if(all, [&](const auto& row) {
      return std::ranges::none_of(keys, [&](const auto& k) { return k[0] == row.first; });
    });
    put(r.rows, t, all, lookup_mark);
    return r;
  }
  void cancel() noexcept override {}

 private:
  void use_connection(const char* step) {
    world_.pass(step);
    if (random_.chance(25))
      throw error(error_kind::source, "the connection broke", step, "", error_retry::transient);
  }

  static std::string keys_of(const table_schema& t) {
    constexpr const char* keys[] = {"abc", "def", ""};
    return keys[sim_database::table_of(t.id)];
  }

  chunk_rows start(const chunk_bounds& bounds) {
    world_.trace("reads chunk " + std::to_string(bounds.number) + " after "
                 + std::to_string(world_.database.wal().size()) + " transactions");
    chunk_rows out;
    out.bounds = bounds;
    out.seen = world_.database.source.snapshot();
    out.high = world_.database.wal_end();
    return out;
  }

  bool in_catalog(const table_schema& t, chunk_result& r) {
    if (t == *world_.database.catalog(sim_database::table_of(t.id)).schema) return true;
    r.failure = chunk_failure::columns_changed;
    world_.trace("in other columns");
    return false;
  }

  table_rows rows_of(const table_schema& t) {
    auto& db = world_.database;
    const auto table = sim_database::table_of(t.id);
    return db.shown(table, db.catalog(table), db.visible());
  }

  static std::shared_ptr<batch> make_batch(const schema_ptr& schema, wal_lsn high) {
    auto b = std::make_shared<batch>();
    b->tables.push_back(schema);
    b->transactions.push_back({0, commit_lsn{static_cast<std::uint64_t>(high)}, 0});
    return b;
  }

  static void put(batch& b, const std::string& key, const row_version& row, std::uint64_t index) {
    change c;
    c.kind = change_kind::read;
    c.index = index;
    c.new_row = add_row(b, *b.tables[0], key, row, true);
    b.changes.push_back(c);
  }

  void put(chunk_rows& out, const table_schema& t, const table_rows& chosen, std::uint64_t first) {
    out.rows = chosen.size();
    if (chosen.empty()) return;
    const auto& schema = world_.database.catalog(sim_database::table_of(t.id)).schema;
    const auto b = make_batch(schema, out.high);
    for (const auto& [key, row] : chosen) put(*b, key, row, first++);
    out.batches.push_back(b);
  }

  /// In several batches.
  void read_bag(chunk_rows& out) {
    auto& db = world_.database;
    const auto& now = db.catalog(bag);
    std::shared_ptr<batch> b;
    for (const auto& row : db.shown_bag(now, db.visible())) {
      if (!b || random_.chance(3)) {
        b = make_batch(now.schema, out.high);
        out.batches.push_back(b);
      }
      put(*b, {}, row, out.rows++);
    }
  }

  world& world_;
  model::random& random_;
};

class no_stream : public change_stream {
  void run(stream_output&) override {}
};

} // namespace

bool is_lookup(const change& c) {
  return c.kind == change_kind::read && (c.index & lookup_mark) != 0;
}

std::uint32_t add_row(batch& b, const table_schema& t, const std::string& key,
                      const row_version& row, bool whole) {
  const auto first = static_cast<std::uint32_t>(b.cells.size());
  std::vector<cell> cells;
  for (const auto& c : t.columns) {
    if (c.number == key_number)
      cells.push_back(b.add_value(key));
    else if (c.number == value_number)
      cells.push_back(b.add_value(std::to_string(row.value)));
    else if (c.number == large_number)
      cells.push_back(whole ? b.add_value(std::to_string(row.large))
                            : batch::make_state(cell_state::unchanged));
    else
      cells.push_back(row.extra ? b.add_value(std::to_string(*row.extra))
                                : batch::make_state(cell_state::null));
  }
  b.cells.insert(b.cells.end(), cells.begin(), cells.end());
  return first;
}

void sim_source::identify(pipeline_identity& i) {
  world_.pass("source: identify");
  i.system_id = 1;
  i.timeline = 1;
  i.database = "sim";
}

std::vector<source_table> sim_source::tables() {
  world_.pass("source: tables");
  std::vector<source_table> out;
  for (std::size_t t = 0; t < table_count; ++t)
    out.push_back({world_.database.catalog(t).schema, 0, {}});
  return out;
}

wal_lsn sim_source::prepare(pipeline_identity& i, const std::vector<schema_ptr>& tables,
                            const std::function<void()>& made) {
  world_.pass("source: before the publication");
  for (const auto& t : tables)
    world_.database.publish(sim_database::table_of(t->id), !world_.slot_made);
  world_.pass("source: before the slot");
  if (!world_.slot_made) {
    world_.database.source.publish();
    world_.confirmed = world_.database.wal_end();
    world_.slot_made = true;
  }
  i.slot = "sim";
  i.made_slot = true;
  made();
  world_.pass("source: after the slot");
  return world_.confirmed;
}

std::unique_ptr<change_stream> sim_source::open_stream(const pipeline_identity&, stream_start,
                                                       const std::vector<schema_ptr>&,
                                                       spill_area&) {
  return std::make_unique<no_stream>();
}

std::shared_ptr<table_reader> sim_source::open_reader(const pipeline_identity&,
                                                      std::shared_ptr<spill_area>) {
  return std::make_shared<sim_reader>(world_, random_);
}

} // namespace leat::sim
