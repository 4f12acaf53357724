#include "actors/lag_meter.hpp"

#include <algorithm>
#include <chrono>
#include <limits>

namespace leat {

void lag_meter::start(const std::vector<std::string>& sinks, wal_lsn passed) {
  *this = lag_meter{};
  for (const auto& name : sinks) stands_[name].passed = passed;
}

void lag_meter::source_end(wal_lsn end) { source_end_ = std::max(source_end_, end); }

void lag_meter::first_after(epoch_id epoch, std::int64_t time) {
  first_after_.try_emplace(epoch, time);
}

void lag_meter::cut(epoch_id epoch, wal_lsn passed, const std::set<std::string>& committing) {
  cuts_[epoch] = passed;
  source_end(passed);
  for (auto& [name, s] : stands_) {
    if (committing.contains(name)) s.open.insert(epoch);
    settle(s);
  }
  prune();
}

void lag_meter::committed(const std::string& sink, epoch_id epoch) {
  const auto found = stands_.find(sink);
  if (found == stands_.end()) return;
  found->second.open.erase(epoch);
  settle(found->second);
  prune();
}

/// It stands at the last cut before the first that is open.
void lag_meter::settle(stand& s) {
  auto behind = s.open.empty() ? cuts_.end() : cuts_.lower_bound(*s.open.begin());
  if (behind == cuts_.begin()) return;
  --behind;
  s.at = behind->first;
  s.passed = behind->second;
}

void lag_meter::prune() {
  auto oldest = std::numeric_limits<epoch_id>::max();
  for (const auto& [name, s] : stands_) oldest = std::min(oldest, s.at);
  cuts_.erase(cuts_.begin(), cuts_.lower_bound(oldest));
  first_after_.erase(first_after_.begin(), first_after_.lower_bound(oldest));
}

std::optional<lag_meter::lag> lag_meter::of(const std::string& sink, std::int64_t now) const {
  const auto found = stands_.find(sink);
  if (found == stands_.end() || source_end_ == wal_lsn{}) return std::nullopt;
  const auto& s = found->second;
  lag out;
  if (source_end_ > s.passed)
    out.bytes = static_cast<std::uint64_t>(source_end_) - static_cast<std::uint64_t>(s.passed);
  const auto first = first_after_.lower_bound(s.at);
  if (first != first_after_.end())
    out.microseconds = std::max<std::int64_t>(0, now - first->second);
  return out;
}

std::int64_t commit_time_now() {
  using namespace std::chrono;
  constexpr auto epoch = sys_days{year{2000} / 1 / 1};
  return duration_cast<microseconds>(system_clock::now() - epoch).count();
}

} // namespace leat
