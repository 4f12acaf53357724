#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

namespace leat::shared_objects {

/// Told, in the watch's own thread, of a call that has taken longer than it may: the plugin's name,
/// and what it was called for. The call goes on and cannot be ended, so the process has to be.
using overdue_handler = std::function<void(const std::string& plugin, const std::string& call,
                                           std::chrono::milliseconds limit)>;

/// Watches calls of one plugin, made by one thread at a time. Entering and leaving a call are a
/// store each. Time counts in which this process runs: one that was stopped for a while finds
/// nothing overdue when it goes on.
class call_watch {
 public:
  call_watch(std::string plugin, std::chrono::milliseconds limit, overdue_handler);
  ~call_watch();
  call_watch(const call_watch&) = delete;
  call_watch& operator=(const call_watch&) = delete;

  /// A call for as long as it lives. `what` is a literal.
  class call {
   public:
    call(call_watch& w, const char* what) noexcept;
    ~call();
    call(const call&) = delete;
    call& operator=(const call&) = delete;

   private:
    call_watch& watch_;
  };

  struct watched;

 private:
  std::shared_ptr<watched> watched_;
};

} // namespace leat::shared_objects
