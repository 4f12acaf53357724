#include "plugins/shared_objects/call_watch.hpp"

#include <algorithm>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

namespace leat::shared_objects {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

struct call_watch::watched {
  std::string plugin;
  milliseconds limit;
  overdue_handler overdue;
  std::atomic<std::uint64_t> number{0}; ///< odd while a call is under way
  std::atomic<const char*> what{nullptr};

  // The watching thread's own.
  std::uint64_t seen = 0;
  steady_clock::duration taken{};
  bool told = false;

  void look(steady_clock::duration passed) {
    const auto now = number.load(std::memory_order_acquire);
    if (now != seen || now % 2 == 0) {
      seen = now;
      taken = {};
      return;
    }
    taken += passed;
    if (taken < limit || told) return;
    told = true;
    overdue(plugin, what.load(std::memory_order_relaxed), limit);
  }
};

namespace {

constexpr milliseconds shortest_pause{5};
constexpr milliseconds longest_pause{500};

/// One thread for all plugins of the process, from the first one on. It is never ended: a plugin
/// that hangs while the process ends must not make it wait.
class watcher {
 public:
  static watcher& of_this_process() {
    static auto* one = new watcher;
    return *one;
  }

  void add(const std::shared_ptr<call_watch::watched>& w) {
    const std::scoped_lock lock(mutex_);
    all_.push_back(w);
    if (!std::exchange(runs_, true)) std::thread([this] { run(); }).detach();
  }

  void remove(const std::shared_ptr<call_watch::watched>& w) {
    const std::scoped_lock lock(mutex_);
    std::erase(all_, w);
  }

 private:
  void run() {
    auto last = steady_clock::now();
    for (;;) {
      const auto pause = look(last);
      std::this_thread::sleep_for(pause);
    }
  }

  /// A pause that came out longer than it was meant to, as in a process that was stopped, counts as
  /// two of them.
  milliseconds look(steady_clock::time_point& last) {
    std::vector<std::shared_ptr<call_watch::watched>> all;
    {
      const std::scoped_lock lock(mutex_);
      all = all_;
    }
    const auto now = steady_clock::now();
    const auto passed = std::min<steady_clock::duration>(now - last, 2 * pause_);
    last = now;
    pause_ = longest_pause;
    for (const auto& w : all) {
      w->look(passed);
      pause_ = std::min(pause_, std::max(w->limit / 8, shortest_pause));
    }
    return pause_;
  }

  std::mutex mutex_;
  std::vector<std::shared_ptr<call_watch::watched>> all_;
  bool runs_ = false;
  milliseconds pause_ = longest_pause;
};

} // namespace

call_watch::call_watch(std::string plugin, milliseconds limit, overdue_handler overdue)
    : watched_(std::make_shared<watched>()) {
  watched_->plugin = std::move(plugin);
  watched_->limit = limit;
  watched_->overdue = std::move(overdue);
  watcher::of_this_process().add(watched_);
}

call_watch::~call_watch() { watcher::of_this_process().remove(watched_); }

call_watch::call::call(call_watch& w, const char* what) noexcept : watch_(w) {
  watch_.watched_->what.store(what, std::memory_order_relaxed);
  watch_.watched_->number.fetch_add(1, std::memory_order_acq_rel);
}

call_watch::call::~call() { watch_.watched_->number.fetch_add(1, std::memory_order_release); }

} // namespace leat::shared_objects
