#include "tests/simulation/sim_stream.hpp"

#include <algorithm>

#include "actors/caf.hpp"
#include "actors/source_stage.hpp"
#include "tests/simulation/sim_source.hpp"

namespace leat::sim {

namespace {

class source_double : public stage<source_actor> {
 public:
  source_double(caf::actor_config& config, sim_stream& s, router_actor router)
      : stage(config), stream_(s), router_(std::move(router)) {}

  behavior_type make_behavior() override {
    post(router_, attach_source{caf::actor_cast<source_actor>(this)});
    stream_.begin();
    return {
        [this](const grant& g) { stream_.granted(g); },
        [this](const cut_barrier& b) { stream_.want(b); },
        [this](const confirm_position& c) { stream_.confirm(c.durable); },
        [](const stream_ended&) {},
    };
  }

 protected:
  void release() override { router_ = nullptr; }

 private:
  sim_stream& stream_;
  router_actor router_;
};

} // namespace

sim_stream::sim_stream(world& w, model::random& r, credit_window window, commit_lsn position,
                       wal_lsn resume)
    : world_(w), random_(r), credit_(stream_channel, window),
      transaction_(
          std::max(sim_database::transactions_at(position), sim_database::transactions_at(resume))),
      cut_at_(transaction_) {}

source_actor sim_stream::attach(caf::actor_system& system, router_actor router) {
  router_ = router;
  return system.spawn<source_double>(*this, std::move(router));
}

void sim_stream::confirm(wal_lsn durable) {
  if (world_.dead()) return;
  const auto id = world_.store->identity()->id;
  const auto point = find_restart_point(*world_.store, id, world_.stands());
  if (!point.from || point.from->resume < durable)
    world_.violate("the slot is confirmed beyond what a restart needs");
  world_.confirmed = std::max(world_.confirmed, durable);
}

void sim_stream::send(payload content) {
  caf::anon_send(router_, credit_.stamp(std::move(content)));
}

bool sim_stream::step() {
  if (!begun_ || world_.dead()) return false;
  if (std::exchange(lost_, false)) {
    send(source_reconnected{});
    return true;
  }
  return cut() || send_batch();
}

bool sim_stream::cut() {
  if (wanted_.epoch <= last_cut_ || !between_transactions()) return false;
  if (!wanted_.force && cut_at_ == transaction_) return false;
  last_cut_ = wanted_.epoch;
  cut_at_ = transaction_;
  barrier b;
  b.epoch = last_cut_;
  if (transaction_ != 0) b.position = sim_database::commit_of(transaction_ - 1);
  b.passed = sim_database::end_of(transaction_);
  world_.trace("barrier " + std::to_string(b.epoch) + " after " + std::to_string(transaction_));
  send(b);
  return true;
}

bool sim_stream::send_batch() {
  auto& db = world_.database;
  const auto& wal = db.wal();
  if (transaction_ >= wal.size() || !credit_.may_send()) return false;
  auto made = std::make_unique<batch>();
  auto room = 1 + random_.below(6);
  while (room > 0 && transaction_ < wal.size()) {
    const auto& t = wal[transaction_];
    if (change_ < t.changes.size()) {
      if (change_ == 0) index_ = 0;
      const auto& c = t.changes[change_];
      // A batch has one version of each table.
      if (db.sends(transaction_, c) && !add_table(*made, c.table)) break;
      ++change_;
      if (!db.sends(transaction_, c)) continue;
      if (made->transactions.empty() || made->transactions.back().xid != t.xid)
        made->transactions.push_back({t.xid, sim_database::commit_of(transaction_), 0});
      add_change(*made, c, index_++);
      --room;
      continue;
    }
    ++transaction_;
    change_ = 0;
    if (random_.chance(3)) break;
  }
  if (made->changes.empty()) return true;
  const auto bytes = made->bytes();
  largest_ = std::max<std::uint64_t>(largest_, bytes);
  *live_bytes_ += bytes;
  send(batch_ptr(made.release(), [live = live_bytes_, bytes](const batch* b) {
    *live -= bytes;
    delete b;
  }));
  return true;
}

/// False: the batch has another version of it.
bool sim_stream::add_table(batch& b, std::size_t table) const {
  const auto& schema = world_.database.version(table, transaction_).schema;
  const auto known = std::ranges::find(b.tables, schema->id, &table_schema::id);
  if (known != b.tables.end()) return *known == schema;
  b.tables.push_back(schema);
  return true;
}

void sim_stream::add_change(batch& b, const streamed_change& c, std::uint64_t index) const {
  auto& db = world_.database;
  const auto& version = db.version(c.table, transaction_);
  const auto& schema = *version.schema;
  change made;
  made.kind = c.kind;
  made.table = static_cast<std::uint16_t>(std::ranges::find(b.tables, schema.id, &table_schema::id)
                                          - b.tables.begin());
  made.transaction = static_cast<std::uint32_t>(b.transactions.size() - 1);
  made.index = index;
  const bool has_new = c.kind == change_kind::insert || c.kind == change_kind::update;
  if (c.table == bag && (c.kind == change_kind::update || c.kind == change_kind::remove)) {
    made.old_kind = old_row_kind::full;
    made.old_row = add_row(b, schema, {}, db.shown(bag, version, c.before), true);
  } else if (!c.old_key.empty()) {
    made.old_kind = old_row_kind::key;
    made.old_row = static_cast<std::uint32_t>(b.cells.size());
    b.cells.push_back(b.add_value(c.old_key));
    for (std::size_t i = 1; i < schema.columns.size(); ++i)
      b.cells.push_back(batch::make_state(cell_state::absent));
  }
  if (has_new)
    made.new_row = add_row(b, schema, c.new_key, db.shown(c.table, version, c.now), c.whole);
  b.changes.push_back(made);
}

} // namespace leat::sim
