#pragma once

#include <caf/actor_system.hpp>

#include <cstddef>
#include <memory>

#include "actors/messages.hpp"
#include "actors/wiring.hpp"
#include "tests/simulation/world.hpp"

namespace leat::sim {

/// The replication stream, in place of the source stage's thread: the simulation says when it does
/// something. Speaks to the router as the source stage does, under the same credit.
class sim_stream {
 public:
  sim_stream(world&, model::random&, credit_window, commit_lsn position, wal_lsn resume);

  /// Makes the actor that grants, barriers and confirmations go to.
  source_actor attach(caf::actor_system&, router_actor);

  /// Sends a batch or a barrier; false when there is neither, or no credit.
  bool step();
  /// The server crashed: the next connection says so.
  void lose_connection() { lost_ = true; }

  /// Of source batches that somebody holds still.
  std::uint64_t live_bytes() const { return *live_bytes_; }
  std::uint64_t largest_batch() const { return largest_; }

  // For the actor.
  void begin() { begun_ = true; }
  void granted(const grant& g) { credit_.take(g); }
  void want(const cut_barrier& b) {
    if (b.epoch > last_cut_) wanted_ = b;
  }
  void confirm(wal_lsn durable);

 private:
  bool cut();
  bool send_batch();
  void send(payload);
  bool add_table(batch&, std::size_t table) const;
  void add_change(batch&, const streamed_change&, std::uint64_t index) const;
  bool between_transactions() const { return change_ == 0; }

  world& world_;
  model::random& random_;
  router_actor router_;
  credit_sender credit_;
  std::size_t transaction_; ///< of the WAL: the next, or the one under way
  std::size_t change_ = 0;  ///< of it: the next
  std::uint64_t index_ = 0; ///< R1
  std::size_t cut_at_;
  cut_barrier wanted_;
  epoch_id last_cut_ = 0;
  bool lost_ = false;
  bool begun_ = false; ///< the router knows where grants go
  std::shared_ptr<std::uint64_t> live_bytes_ = std::make_shared<std::uint64_t>(0);
  std::uint64_t largest_ = 0;
};

} // namespace leat::sim
