#pragma once

#include <caf/actor_config.hpp>
#include <caf/actor_system.hpp>
#include <caf/send.hpp>
#include <caf/typed_event_based_actor.hpp>

#include <chrono>
#include <utility>

#include "actors/execution.hpp"
#include "actors/failure.hpp"

namespace leat {

/// Base of every stage: turns what a handler throws into the actor's error, lets an exit message
/// end it, and drops handles at the end, since members of an actor live as long as its last handle.
template <class Handle>
class stage : public Handle::base {
 public:
  explicit stage(caf::actor_config& config) : Handle::base(config) {
    this->set_exception_handler([](std::exception_ptr& e) { return to_caf(e); });
    this->set_exit_handler([this](const caf::exit_msg& m) { this->quit(m.reason); });
  }

  void on_exit() override { release(); }

 protected:
  /// Drops the handles of other actors, and ends threads of its own.
  virtual void release() = 0;

  template <class To, class Message>
  void post(const To& to, Message&& message) {
    this->send(to, std::forward<Message>(message));
  }
  template <class To, class Message>
  void post_after(std::chrono::milliseconds delay, const To& to, Message&& message) {
    this->delayed_send(to, delay, std::forward<Message>(message));
  }
};

template <class Stage, class... Args>
auto spawn_stage(caf::actor_system& system, execution where, Args&&... args) {
  if (where == execution::scheduled) return system.spawn<Stage>(std::forward<Args>(args)...);
  return system.spawn<Stage, caf::detached>(std::forward<Args>(args)...);
}

} // namespace leat
