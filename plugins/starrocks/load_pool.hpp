#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <exception>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace leat::starrocks {

/// Threads that send load requests. Those of one line (a table) go one after another, in the order
/// they were given; lines go beside each other. One thread gives and waits.
class load_pool {
 public:
  /// `bytes`: of the requests that may be under way at once; one may be larger.
  load_pool(std::size_t threads, std::size_t bytes);
  /// Waits for what runs; what has not begun never does.
  ~load_pool();
  load_pool(const load_pool&) = delete;
  load_pool& operator=(const load_pool&) = delete;

  /// Blocks while too much is under way. Throws what an earlier request has thrown; after that none
  /// runs.
  void give(const std::string& line, std::size_t bytes, std::function<void()> request);
  /// Until all that was given for the line has ended; throws as give() does.
  void wait(const std::string& line);
  void wait_all();

 private:
  struct job {
    std::size_t bytes = 0;
    std::function<void()> run;
  };
  struct line_state {
    std::deque<job> jobs; ///< the first may be running
    bool running = false;
  };

  using line_map = std::map<std::string, line_state>; ///< of lines with jobs

  void work();
  line_map::iterator next();
  void throw_failure();

  std::size_t most_threads_;
  std::size_t most_bytes_;
  std::mutex guard_;
  std::condition_variable changed_;
  line_map lines_;
  std::size_t bytes_ = 0;
  std::exception_ptr failure_;
  bool ending_ = false;
  std::vector<std::thread> threads_; ///< made as they are needed
};

} // namespace leat::starrocks
