#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace leat::bench {

/// A StarRocks FE for loads that only parses HTTP: the rows of a load are read, counted and
/// forgotten, and the answer is OK. All else (begin, commit, state, and loads of leat's own tables,
/// by which it knows its place) goes on to a real FE or its double, byte for byte. So a load costs
/// a client what its own work costs. A thread for each connection; ends with the object.
class sink_hole {
 public:
  /// `frontend_port`: of the FE on 127.0.0.1 behind it.
  explicit sink_hole(int frontend_port);
  ~sink_hole();
  sink_hole(const sink_hole&) = delete;
  sink_hole& operator=(const sink_hole&) = delete;

  int port() const { return port_; }
  std::uint64_t rows() const { return rows_; } ///< row ends in the bodies that were swallowed
  std::uint64_t bytes() const { return bytes_; }
  double last() const { return last_; } ///< when the last of them was read: seconds, CLOCK_REALTIME

 private:
  void accept_all();
  void serve(int client);
  void swallow(int client, std::uint64_t length, char row_end, std::string already);
  void relay(int client, const std::string& head) const;

  int listener_ = -1;
  int port_ = 0;
  int frontend_port_;
  std::atomic<std::uint64_t> rows_{0};
  std::atomic<std::uint64_t> bytes_{0};
  std::atomic<double> last_{0};
  std::mutex guard_;
  std::vector<int> open_; ///< sockets of clients
  std::vector<std::thread> threads_;
  std::thread acceptor_;
};

} // namespace leat::bench
