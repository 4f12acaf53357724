#pragma once

#include <caf/actor_system.hpp>
#include <caf/actor_system_config.hpp>
#include <caf/resumable.hpp>
#include <caf/scheduled_actor.hpp>
#include <caf/scheduler/test_coordinator.hpp>

#include <cstddef>
#include <functional>
#include <utility>

namespace leat::test {

/// An actor system without threads and with a virtual clock: one message at a time, of an actor
/// that `choose` picks among those that have one. Permuting actors gives every interleaving that
/// threads could, and never reorders one actor's messages. For actors that are not detached.
class sim_system {
 public:
  /// `choose(n)` gives a number below n.
  explicit sim_system(std::function<std::size_t(std::size_t)> choose)
      : choose_(std::move(choose)), system_(config_),
        scheduler_(dynamic_cast<caf::scheduler::test_coordinator&>(system_.scheduler())) {
    scheduler_.run(); // CAF's own actors
  }
  ~sim_system() {
    system_.await_actors_before_shutdown(false);
    while (step()) {
    }
  }
  sim_system(const sim_system&) = delete;
  sim_system& operator=(const sim_system&) = delete;

  caf::actor_system& system() { return system_; }

  /// One message; false when no actor has any.
  bool step() {
    auto& ready = scheduler_.jobs;
    if (ready.empty()) return false;
    auto next = choose_(ready.size());
    if (is_slow(ready[next]) && choose_(slowness) != 0) next = choose_(ready.size());
    std::swap(ready.front(), ready[next]);
    scheduler_.run_once();
    return true;
  }
  /// From now on this actor seldom gets its turn while others have messages; 0: none.
  void slow_down(caf::actor_id which) { slow_ = which; }
  /// The next timer goes off; false when there is none.
  bool next_timer() { return scheduler_.trigger_timeout(); }

 private:
  static constexpr std::size_t slowness = 16;

  bool is_slow(caf::resumable* job) const {
    const auto* actor = dynamic_cast<caf::scheduled_actor*>(job);
    return slow_ != 0 && actor != nullptr && actor->id() == slow_;
  }

  struct config : caf::actor_system_config {
    config() { set("scheduler.policy", caf::atom("testing")); }
  };

  std::function<std::size_t(std::size_t)> choose_;
  config config_;
  caf::actor_system system_;
  caf::scheduler::test_coordinator& scheduler_;
  caf::actor_id slow_ = 0;
};

} // namespace leat::test
