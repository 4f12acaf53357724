#include "tests/simulation/sim_source.hpp"

#include <algorithm>

#include "dataflow/error.hpp"

namespace leat::sim {

namespace {

std::size_t index_of(const table_schema& t) {
  return t.id == sim_database::schemas()[0]->id ? 0 : 1;
}

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
  schema_ptr describe(oid table) override {
    use_connection("reader: describe");
    for (const auto& s : sim_database::schemas())
      if (s->id == table) return s;
    return nullptr;
  }
  chunk_plan plan(const table_schema& t) override {
    use_connection("reader: plan");
    chunk_plan p;
    p.storage = 1;
    std::vector<std::string> from{""};
    for (const char key : index_of(t) == 0 ? std::string("abc") : std::string("def"))
      if (random_.chance(2)) from.emplace_back(1, key);
    for (std::size_t i = 0; i < from.size(); ++i) {
      chunk_bounds b{i + 1, {}, {}};
      if (i != 0) b.lower = {from[i]};
      if (i + 1 != from.size()) b.upper = {from[i + 1]};
      p.chunks.push_back(std::move(b));
    }
    return p;
  }
  chunk_result read(const table_schema& t, const chunk_bounds& bounds, std::uint64_t) override {
    use_connection("reader: chunk");
    chunk_result r;
    if (random_.chance(30)) {
      r.failure = chunk_failure::rewritten;
      return r;
    }
    auto all = world_.database.visible()[index_of(t)];
    std::erase_if(all, [&](const auto& each) { return !within(each.first, bounds); });
    if (all.size() > 1 && random_.chance(6)) {
      r.failure = chunk_failure::too_large;
      r.split = {std::next(all.begin())->first};
      return r;
    }
    r.rows = rows_of(index_of(t), all, bounds);
    return r;
  }
  chunk_result read_keys(const table_schema& t, const std::vector<std::uint16_t>&,
                         const std::vector<std::vector<std::string>>& keys) override {
    use_connection("reader: keys");
    auto all = world_.database.visible()[index_of(t)];
    std::erase_if(all, [&](const auto& row) {
      return std::ranges::none_of(keys, [&](const auto& k) { return k[0] == row.first; });
    });
    return {chunk_failure::none, rows_of(index_of(t), all, {}), {}};
  }
  void cancel() noexcept override {}

 private:
  /// A TRUNCATE holds its lock until it is visible; a reader that cannot get it gives up.
  void use_connection(const char* step) {
    world_.pass(step);
    if (world_.database.source.locked_for_readers() || random_.chance(25))
      throw error(error_kind::source, "the connection broke", step, "", error_retry::transient);
  }

  chunk_rows rows_of(std::size_t table, const table_rows& chosen, const chunk_bounds& bounds) {
    chunk_rows out;
    out.bounds = bounds;
    out.seen = world_.database.source.snapshot();
    out.high = world_.database.wal_end();
    out.rows = chosen.size();
    if (chosen.empty()) return out;
    auto b = std::make_shared<batch>();
    b->tables.push_back(sim_database::schemas()[table]);
    b->transactions.push_back({0, commit_lsn{static_cast<std::uint64_t>(out.high)}, 0});
    for (const auto& [key, row] : chosen) {
      change c;
      c.kind = change_kind::read;
      c.index = b->changes.size();
      c.new_row = add_row(*b, key, row.value, row.large);
      b->changes.push_back(c);
    }
    out.batches.push_back(std::move(b));
    return out;
  }

  world& world_;
  model::random& random_;
};

class no_stream : public change_stream {
  void run(stream_output&) override {}
};

} // namespace

std::uint32_t add_row(batch& b, const std::string& key, std::uint32_t value,
                      std::optional<std::uint32_t> large) {
  const auto first = static_cast<std::uint32_t>(b.cells.size());
  b.cells.push_back(b.add_value(key));
  b.cells.push_back(b.add_value(std::to_string(value)));
  b.cells.push_back(large ? b.add_value(std::to_string(*large))
                          : batch::make_state(cell_state::unchanged));
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
  for (const auto& s : sim_database::schemas()) out.push_back({s, 0, {}});
  return out;
}

wal_lsn sim_source::prepare(pipeline_identity& i, const std::vector<schema_ptr>&) {
  world_.pass("source: before the slot");
  if (!world_.slot_made) {
    world_.database.source.publish();
    world_.confirmed = world_.database.wal_end();
    world_.slot_made = true;
  }
  i.slot = "sim";
  i.made_slot = true;
  world_.pass("source: after the slot");
  return world_.confirmed;
}

std::unique_ptr<change_stream> sim_source::open_stream(const pipeline_identity&, stream_start,
                                                       const std::vector<schema_ptr>&,
                                                       spill_area&) {
  return std::make_unique<no_stream>();
}

std::shared_ptr<table_reader> sim_source::open_reader(const pipeline_identity&) {
  return std::make_shared<sim_reader>(world_, random_);
}

} // namespace leat::sim
