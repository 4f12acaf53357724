#include "tests/crash/target.hpp"

#include <condition_variable>
#include <mutex>

namespace leat::test {

std::string target::quoted(const std::string& name) const {
  std::string result = "\"";
  for (const char c : name) result += c == '"' ? "\"\"" : std::string(1, c);
  return result + "\"";
}

void target::rest(std::chrono::milliseconds time, const std::stop_token& told) {
  std::mutex mutex;
  std::unique_lock lock(mutex);
  std::condition_variable_any().wait_for(lock, told, time, [] { return false; });
}

} // namespace leat::test
