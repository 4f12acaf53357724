#pragma once

#include <functional>
#include <mutex>
#include <string>

namespace leat::cli {

/// Lines at the end of a terminal, which are written over by the next ones. A line that is wider
/// than the terminal is cut, so that it stays one line. Thread-safe.
class terminal_display {
 public:
  void show(const std::string& lines);
  /// What `print` prints comes above: the shown lines go away until the next show().
  void print_above(const std::function<void()>& print);

 private:
  std::mutex mutex_;
  int shown_ = 0;
};

} // namespace leat::cli
