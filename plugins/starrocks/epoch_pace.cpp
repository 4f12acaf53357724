#include "plugins/starrocks/epoch_pace.hpp"

#include <algorithm>
#include <map>
#include <utility>

namespace leat::starrocks {

namespace {

using std::chrono::milliseconds;

constexpr milliseconds shortest{1000};
constexpr milliseconds longest{300'000};
/// One epoch that fails is refused by several tables, and the beginnings after it may be as well:
/// what comes sooner than the next epoch tells nothing new.
constexpr milliseconds one_refusal{500};
constexpr int calm_commits = 20;

} // namespace

void epoch_pace::lengthen(milliseconds to) {
  least_ = std::min(std::max(least_, to), longest);
  calm_ = 0;
}

void epoch_pace::committed(time_point now, milliseconds took) {
  const std::scoped_lock lock(guard_);
  const auto since = std::chrono::duration_cast<milliseconds>(now - last_commit_);
  const bool first = last_commit_ == time_point{};
  last_commit_ = now;
  if (!first) length_ = length_.count() == 0 ? since : (length_ * 3 + since) / 4;
  if (took >= shortest && took * 2 > least_) {
    // One that is slow by itself tells nothing of the next.
    const auto before = std::exchange(slow_, took);
    if (before.count() != 0) lengthen(std::min(before, took) * 2);
    return;
  }
  slow_ = {};
  if (least_.count() == 0 || ++calm_ < calm_commits) return;
  calm_ = 0;
  least_ = least_ * 3 / 4;
  if (least_ < shortest) least_ = milliseconds{};
}

void epoch_pace::refused(time_point now) {
  const std::scoped_lock lock(guard_);
  if (last_refusal_ != time_point{} && now - last_refusal_ < std::max(one_refusal, least_)) return;
  last_refusal_ = now;
  lengthen(std::max({shortest * 2, least_ * 2, length_ * 2}));
}

milliseconds epoch_pace::least() const {
  const std::scoped_lock lock(guard_);
  return least_;
}

std::shared_ptr<epoch_pace> pace_of(const std::string& pipeline, const std::string& database) {
  static std::mutex guard;
  static std::map<std::pair<std::string, std::string>, std::shared_ptr<epoch_pace>> all;
  const std::scoped_lock lock(guard);
  auto& found = all[{pipeline, database}];
  if (!found) found = std::make_shared<epoch_pace>();
  return found;
}

} // namespace leat::starrocks
