#include "dataflow/crash_point.hpp"

#include <atomic>
#include <csignal>
#include <cstdlib>
#include <string>

namespace leat {

namespace {

struct armed_point {
  std::string name;
  std::atomic<long> left{0};

  armed_point() {
    const char* given = std::getenv("LEAT_CRASH_POINT");
    if (given == nullptr) return;
    const std::string_view text(given);
    const auto colon = text.rfind(':');
    name = text.substr(0, colon);
    left = colon == std::string_view::npos ? 1 : std::strtol(given + colon + 1, nullptr, 10);
  }
};

} // namespace

void crash_point(std::string_view name) {
  static armed_point armed;
  if (armed.name.empty() || armed.name != name) return;
  if (--armed.left == 0) std::raise(SIGKILL);
}

} // namespace leat
