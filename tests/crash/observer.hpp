#pragma once

#include <atomic>
#include <cstdint>
#include <exception>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "tests/crash/target.hpp"

namespace leat::test {

/// `0/16B3748` or a decimal number.
std::uint64_t parse_lsn(const std::string&);

/// Reads a target all the time in a thread of its own, and checks that, from the first `consistent`
/// on, every state it sees is one that the source had (workload's invariants), in order, and that
/// the progress never falls.
class observer {
 public:
  explicit observer(const target&);
  ~observer();

  void start();
  /// Ends the thread; throws torture_failure for what it saw.
  void stop();
  /// Throws torture_failure when it has seen something wrong so far.
  void check() const;

  bool has_progress() const { return has_progress_; }
  bool consistent() const { return consistent_; }
  long consistent_reads() const { return consistent_reads_; }

 private:
  void run();
  void look(target_reader&);
  void check_progress(target_reader&);
  void check_invariants(target_reader&);
  void check_counters(target_reader&);
  void expect(bool, const std::string& what) const;

  const target& target_;
  std::thread thread_;
  std::atomic<bool> stopping_{false};
  std::atomic<bool> has_progress_{false};
  std::atomic<bool> consistent_{false};
  std::atomic<bool> failed_{false};
  std::atomic<long> consistent_reads_{0};
  std::uint64_t last_lsn_ = 0;
  std::vector<long> last_counters_;
  std::string failure_; ///< written before failed_
};

} // namespace leat::test
