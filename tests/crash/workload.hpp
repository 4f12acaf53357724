#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "tests/crash/dice.hpp"
#include "tests/support/pg_server.hpp"

namespace leat::test {

/// A table of the workload as it is compared. `columns` are expressions for PostgreSQL, the others
/// for SQLite and StarRocks; where they are empty, `columns` serves. `printed` are expressions for
/// PostgreSQL that give what StarRocks prints.
struct workload_table {
  std::string name;
  std::vector<std::string> columns;
  std::vector<std::string> sqlite_columns = {};
  std::vector<std::string> starrocks_columns = {};
  std::vector<std::string> printed = {};
  bool has_key = true;
};

const std::vector<workload_table>& workload_tables();

/// Sum of all balances at any moment.
inline constexpr long workload_total = 2 * 1500 * 1000;

/// Concurrent transactions on a source database, with invariants that hold in every state that it
/// has:
///  - accounts_a, accounts_b: the sum of all balances is workload_total;
///  - pairs_left, pairs_right: equal;
///  - counters, journal: a worker's counter is the number and the largest n of its rows in journal,
///  and never falls;
///  - toasted: `mark` is how `big`, which is stored out of line, begins;
///  - ledger: a row is inserted with n = 0, each update adds one to n, a deleted one goes to
///  ledger_deleted, and
///    no id comes twice.
/// Tables late_1 to late_3 are made while it runs.
/// Its threads live through restarts of the server.
class workload {
 public:
  static constexpr int workers = 4;
  static constexpr int late_tables = 3;

  /// `slowness`: how much longer than usual the workers rest between transactions.
  struct options {
    bool truncates = true;
    int slowness = 1;
  };

  workload(const pg_server&, std::string database, std::uint64_t seed, options);
  ~workload();

  /// Makes the tables with their first rows.
  void fill();
  void start();
  /// The threads begin no transaction any more.
  void end() { stopping_ = true; }
  /// Ends the threads and every prepared transaction.
  void stop();

  /// From now on every change is one that the slot delivers: rows of ledger say so in `whole`.
  void slot_is_kept() { whole_ = true; }

  long committed() const { return committed_; }
  long refused() const { return refused_; }

 private:
  friend class workload_worker;

  /// The next of late_N with its first rows, unless all are there.
  void make_late(pg_session&);

  const pg_server& server_;
  std::string database_;
  std::uint64_t seed_;
  options options_;
  std::atomic<bool> stopping_{false};
  std::atomic<bool> whole_{false};
  std::atomic<int> late_{0}; ///< tables late_N that are there
  std::atomic<long> committed_{0};
  std::atomic<long> refused_{0};
  std::vector<std::thread> threads_;
};

} // namespace leat::test
