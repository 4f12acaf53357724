#include "dataflow/input_gate.hpp"

#include "dataflow/error.hpp"

namespace leat {

void input_gate::open(channel_id channel, credit_window window) {
  inputs_.emplace(channel, input{credit_receiver(channel, window), {}, std::nullopt, false});
}

void input_gate::push(frame f) {
  const auto found = inputs_.find(f.channel);
  if (found == inputs_.end())
    throw error(error_kind::bug, "a frame came on a channel that was not opened",
                "channel " + std::to_string(f.channel), "report this");
  found->second.credit.accept(f);
  found->second.queue.push_back(std::move(f));
}

std::optional<frame> input_gate::aligned_barrier() {
  const barrier* first = nullptr;
  for (const auto& [channel, in] : inputs_) {
    if (in.ended) continue;
    if (!in.waiting) return std::nullopt;
    if (first != nullptr && first->epoch != in.waiting->epoch)
      throw error(error_kind::bug,
                  "barrier " + std::to_string(in.waiting->epoch) + " met barrier "
                      + std::to_string(first->epoch),
                  "channel " + std::to_string(channel), "report this");
    first = &*in.waiting;
  }
  if (first == nullptr) return std::nullopt;
  frame aligned{0, 0, *first};
  for (auto& [channel, in] : inputs_) in.waiting.reset();
  return aligned;
}

std::optional<frame> input_gate::next() {
  while (!held_) {
    if (auto aligned = aligned_barrier()) return aligned;
    auto at = inputs_.upper_bound(last_);
    input* ready = nullptr;
    for (std::size_t i = 0; i < inputs_.size() && ready == nullptr; ++i, ++at) {
      if (at == inputs_.end()) at = inputs_.begin();
      if (at->second.waiting || at->second.queue.empty()) continue;
      ready = &at->second;
      last_ = at->first;
    }
    if (ready == nullptr) return std::nullopt;
    auto f = std::move(ready->queue.front());
    ready->queue.pop_front();
    if (const auto* b = std::get_if<barrier>(&f.content)) {
      ready->waiting = *b;
    } else if (std::holds_alternative<end_of_stream>(f.content)) {
      ready->ended = true;
    } else {
      return f;
    }
  }
  return std::nullopt;
}

std::optional<grant> input_gate::done(const frame& f) {
  if (std::holds_alternative<barrier>(f.content)) return std::nullopt;
  return inputs_.at(f.channel).credit.consume(f.content);
}

bool input_gate::ended() const {
  for (const auto& [channel, in] : inputs_)
    if (!in.ended || in.waiting || !in.queue.empty()) return false;
  return true;
}

bool input_gate::aligning() const {
  for (const auto& [channel, in] : inputs_)
    if (in.waiting) return true;
  return false;
}

std::size_t input_gate::stashed() const {
  std::size_t n = 0;
  for (const auto& [channel, in] : inputs_) n += in.queue.size();
  return n;
}

} // namespace leat
