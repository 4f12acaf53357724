#include "dataflow/epoch_ledger.hpp"

#include "dataflow/error.hpp"

namespace leat {

epoch_id epoch_ledger::open() {
  epochs_.emplace(++last_, open_epoch{});
  return last_;
}

epoch_ledger::open_epoch& epoch_ledger::find(epoch_id epoch) {
  const auto found = epochs_.find(epoch);
  if (found == epochs_.end())
    throw error(error_kind::bug, "epoch " + std::to_string(epoch) + " is not open", "coordinator",
                "report this");
  return found->second;
}

std::vector<std::string> epoch_ledger::durable(epoch_id epoch, wal_lsn passed,
                                               const std::set<std::string>& committing) {
  auto& e = find(epoch);
  e.durable = true;
  e.passed = passed;
  e.uncommitted = committing;
  std::vector<std::string> ready(e.prepared.begin(), e.prepared.end());
  e.prepared.clear();
  return ready;
}

bool epoch_ledger::prepared(epoch_id epoch, const std::string& sink) {
  auto& e = find(epoch);
  if (e.durable) return true;
  e.prepared.insert(sink);
  return false;
}

void epoch_ledger::committed(epoch_id epoch, const std::string& sink) {
  find(epoch).uncommitted.erase(sink);
}

std::optional<epoch_ledger::completed> epoch_ledger::take_completed() {
  std::optional<completed> newest;
  while (!epochs_.empty()) {
    const auto first = epochs_.begin();
    if (!first->second.durable || !first->second.uncommitted.empty()) break;
    newest = completed{first->first, first->second.passed};
    epochs_.erase(first);
  }
  return newest;
}

} // namespace leat
