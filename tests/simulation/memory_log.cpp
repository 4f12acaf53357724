#include "tests/simulation/memory_log.hpp"

#include "tests/simulation/world.hpp"

namespace leat::sim {

std::optional<std::string> memory_log::get(std::string_view key) const {
  const auto found = all_.find(key);
  if (found == all_.end()) return std::nullopt;
  return found->second;
}

void memory_log::scan(std::string_view from, std::string_view to, bool descending,
                      const std::function<bool(std::string_view, std::string_view)>& look) const {
  const auto begin = all_.lower_bound(from);
  const auto end = all_.lower_bound(to);
  if (descending) {
    for (auto it = end; it != begin;)
      if (--it; !look(it->first, it->second)) return;
    return;
  }
  for (auto it = begin; it != end; ++it)
    if (!look(it->first, it->second)) return;
}

void memory_log::apply(contents& to, const key_value_write& changes) {
  for (const auto& [from, end] : changes.ranges)
    to.erase(to.lower_bound(from), to.lower_bound(end));
  for (const auto& key : changes.removals) to.erase(key);
  for (const auto& [key, value] : changes.puts) to[key] = value;
}

void memory_log::write(const key_value_write& changes, bool synced) {
  world_.pass(synced ? "operators: before a synced write" : "operators: before a write");
  apply(all_, changes);
  unsynced_.push_back(changes);
  if (synced) {
    durable_ = all_;
    unsynced_.clear();
  }
  world_.pass(synced ? "operators: after a synced write" : "operators: after a write");
}

void memory_log::lose_tail(model::random& r) {
  all_ = durable_;
  const auto kept = r.below(static_cast<std::uint32_t>(unsynced_.size()) + 1);
  unsynced_.resize(kept);
  for (const auto& w : unsynced_) apply(all_, w);
}

} // namespace leat::sim
