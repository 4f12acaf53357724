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
  send(b);
  return true;
}

bool sim_stream::send_batch() {
  const auto& wal = world_.database.wal();
  if (transaction_ >= wal.size() || !credit_.may_send()) return false;
  auto made = std::make_unique<batch>();
  made->tables.assign(sim_database::schemas().begin(), sim_database::schemas().end());
  auto room = 1 + random_.below(6);
  while (room > 0 && transaction_ < wal.size()) {
    const auto& t = wal[transaction_];
    if (change_ < t.changes.size()) {
      if (change_ == 0) index_ = 0;
      const auto& c = t.changes[change_++];
      if (!c.sent) continue;
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

void sim_stream::add_change(batch& b, const streamed_change& c, std::uint64_t index) const {
  change made;
  made.kind = c.kind;
  made.table = static_cast<std::uint16_t>(c.table);
  made.transaction = static_cast<std::uint32_t>(b.transactions.size() - 1);
  made.index = index;
  if (!c.old_key.empty()) {
    made.old_kind = old_row_kind::key;
    made.old_row = static_cast<std::uint32_t>(b.cells.size());
    b.cells.push_back(b.add_value(c.old_key));
    for (int i = 0; i < 2; ++i) b.cells.push_back(batch::make_state(cell_state::absent));
  }
  if (!c.new_key.empty()) made.new_row = add_row(b, c.new_key, c.value, c.large);
  b.changes.push_back(made);
}

} // namespace leat::sim
