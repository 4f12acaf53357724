#include "actors/overdue_plugins.hpp"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <mutex>
#include <vector>

namespace leat {

namespace {

using listener = std::shared_ptr<const std::function<void(const error&)>>;

struct listeners {
  std::mutex mutex;
  std::vector<std::pair<std::filesystem::path, listener>> all;
};

/// Never destroyed: the watch goes on while the process ends.
listeners& everyone() {
  static auto* one = new listeners;
  return *one;
}

[[noreturn]] void end_process(const error& e) {
  std::fprintf(stderr, "leat: error: %s\n  remedy: %s\n", e.brief().c_str(), e.remedy().c_str());
  std::_Exit(static_cast<int>(e.kind()));
}

} // namespace

overdue_plugins::overdue_plugins(std::filesystem::path file, std::function<void(const error&)> told)
    : file_(std::move(file)),
      told_(std::make_shared<const std::function<void(const error&)>>(std::move(told))) {
  const std::scoped_lock lock(everyone().mutex);
  everyone().all.emplace_back(file_, told_);
}

overdue_plugins::~overdue_plugins() {
  const std::scoped_lock lock(everyone().mutex);
  std::erase_if(everyone().all, [this](const auto& l) { return l.second == told_; });
}

void overdue_plugins::tell(const std::filesystem::path& file, const error& e) {
  // Held while they are told, so that a listener is there as long as it is called.
  const std::scoped_lock lock(everyone().mutex);
  bool told = false;
  for (const auto& [path, listens] : everyone().all)
    if (path == file) {
      (*listens)(e);
      told = true;
    }
  if (!told) end_process(e);
}

} // namespace leat
