#pragma once

#include <chrono>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <stdexcept>
#include <string>

namespace leat::test {

/// Something that must not happen has happened.
struct torture_failure : std::runtime_error {
  using runtime_error::runtime_error;
};

/// What was done to leat and when, for a person who looks at a failure. Thread-safe.
class action_log {
 public:
  explicit action_log(const std::filesystem::path& file) : out_(file) {}

  void add(const std::string& action) {
    const std::lock_guard lock(mutex_);
    out_ << milliseconds() << " ms  " << action << std::endl;
  }

 private:
  long milliseconds() const {
    const auto passed = std::chrono::steady_clock::now() - start_;
    return static_cast<long>(std::chrono::duration_cast<std::chrono::milliseconds>(passed).count());
  }

  std::mutex mutex_;
  std::ofstream out_;
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

} // namespace leat::test
