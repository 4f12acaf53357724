#include "plugins/starrocks/load_pool.hpp"

#include <algorithm>
#include <utility>

namespace leat::starrocks {

load_pool::load_pool(std::size_t threads, std::size_t bytes)
    : most_threads_(threads), most_bytes_(bytes) {}

load_pool::~load_pool() {
  {
    const std::scoped_lock lock(guard_);
    ending_ = true;
  }
  changed_.notify_all();
  for (auto& t : threads_) t.join();
}

void load_pool::give(const std::string& line, std::size_t bytes, std::function<void()> request) {
  std::unique_lock lock(guard_);
  changed_.wait(lock, [&] { return failure_ || bytes_ == 0 || bytes_ + bytes <= most_bytes_; });
  throw_failure();
  bytes_ += bytes;
  lines_[line].jobs.push_back({bytes, std::move(request)});
  if (threads_.size() < std::min(most_threads_, lines_.size()))
    threads_.emplace_back([this] { work(); });
  lock.unlock();
  changed_.notify_all();
}

void load_pool::wait(const std::string& line) {
  std::unique_lock lock(guard_);
  changed_.wait(lock, [&] { return failure_ || !lines_.contains(line); });
  throw_failure();
}

void load_pool::wait_all() {
  std::unique_lock lock(guard_);
  changed_.wait(lock, [&] { return failure_ || lines_.empty(); });
  throw_failure();
}

void load_pool::throw_failure() {
  if (failure_) std::rethrow_exception(failure_);
}

load_pool::line_map::iterator load_pool::next() {
  if (failure_) return lines_.end();
  return std::find_if(lines_.begin(), lines_.end(),
                      [](const auto& l) { return !l.second.running; });
}

void load_pool::work() {
  std::unique_lock lock(guard_);
  while (true) {
    auto line = lines_.end();
    changed_.wait(lock, [&] { return ending_ || (line = next()) != lines_.end(); });
    if (ending_) return;
    auto& jobs = line->second.jobs;
    line->second.running = true;
    const auto run = std::move(jobs.front().run);
    lock.unlock();
    std::exception_ptr failed;
    try {
      run();
    } catch (...) { // NOLINT: kept, and thrown to who waits
      failed = std::current_exception();
    }
    lock.lock();
    line->second.running = false;
    bytes_ -= jobs.front().bytes;
    jobs.pop_front();
    if (jobs.empty()) lines_.erase(line);
    if (failed && !failure_) failure_ = failed;
    changed_.notify_all();
  }
}

} // namespace leat::starrocks
