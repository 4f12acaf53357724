#pragma once

#include <functional>
#include <mutex>
#include <vector>

namespace leat {

/// Blocking calls that another thread may have to end. Thread-safe.
class cancel_list {
 public:
  void add(std::function<void()> cancel);
  /// Calls all; until clear() added ones are called at once.
  void cancel_all();
  /// The same for good: who is to stop begins nothing again.
  void close();
  void clear();

 private:
  std::mutex mutex_;
  bool cancelled_ = false;
  bool closed_ = false;
  std::vector<std::function<void()>> calls_;
};

} // namespace leat
