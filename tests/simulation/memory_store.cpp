#include "tests/simulation/memory_store.hpp"

#include <algorithm>

#include "tests/simulation/world.hpp"

namespace leat::sim {

void memory_store::set_identity(const pipeline_identity& i) {
  world_.pass("state: before the identity");
  identity_ = i;
  world_.pass("state: after the identity");
}

std::vector<epoch_id> memory_store::epochs() const {
  std::vector<epoch_id> out;
  for (const auto& [epoch, c] : checkpoints_) out.push_back(epoch);
  return out;
}

std::optional<checkpoint> memory_store::load(epoch_id epoch) const {
  const auto found = checkpoints_.find(epoch);
  if (found == checkpoints_.end()) return std::nullopt;
  auto c = found->second;
  for (const auto& [until, missing] : missing_) add(c.missing, missing);
  return c;
}

void memory_store::save(const checkpoint& c) {
  world_.pass("state: before a checkpoint");
  if (!checkpoints_.empty() && c.epoch <= checkpoints_.rbegin()->first)
    world_.violate("a checkpoint's number was given twice");
  checkpoints_[c.epoch] = c;
  world_.pass("state: after a checkpoint");
}

void memory_store::add_missing(epoch_id epoch, const missing_keys& keys) {
  world_.pass("state: before missing rows");
  missing_.emplace_back(epoch, keys);
  world_.pass("state: after missing rows");
}

std::uint64_t memory_store::ask_resnapshot(oid table) {
  world_.pass("state: before a request");
  requests_.push_back({++last_request_, table});
  world_.pass("state: after a request");
  world_.ask(table);
  return last_request_;
}

void memory_store::forget_resnapshots(const std::vector<std::uint64_t>& numbers) {
  world_.pass("state: before forgetting requests");
  std::erase_if(requests_, [&](const resnapshot_request& r) {
    return std::ranges::find(numbers, r.number) != numbers.end();
  });
}

void memory_store::prune(epoch_id oldest) {
  world_.pass("state: before forgetting");
  ++prunes_;
  checkpoints_.erase(checkpoints_.begin(), checkpoints_.lower_bound(oldest));
  std::erase_if(missing_, [&](const auto& m) { return m.first < oldest; });
}

} // namespace leat::sim
