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
/// the progress never falls. Of a target that promises each table by itself a table is read by
/// itself.
class observer {
 public:
  observer(const target&, promised_cut);
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
  struct found; ///< rows of one statement, by what they tell of

  void run();
  void look(target_reader&);
  void look_at_all(target_reader&);
  void look_at_each(target_reader&);
  void check_progress(const found&);
  void check_sums(const found&);
  void check_toasted(const found&);
  void check_counters(const found&);
  void check_journal(const found&);
  void expect(bool, const std::string& what) const;

  const target& target_;
  promised_cut cut_;
  std::thread thread_;
  std::atomic<bool> stopping_{false};
  std::atomic<bool> has_progress_{false};
  std::atomic<bool> consistent_{false};
  int taken_back_ = 0; ///< consistent
  std::atomic<bool> failed_{false};
  std::atomic<long> consistent_reads_{0};
  std::uint64_t last_lsn_ = 0;
  std::vector<long> last_counts_; ///< of journal's rows, by worker
  std::string failure_;           ///< written before failed_
};

} // namespace leat::test
