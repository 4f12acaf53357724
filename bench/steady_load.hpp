#pragma once

#include <functional>
#include <string>
#include <vector>

#include "bench/harness.hpp"
#include "tests/support/pg_session.hpp"
#include "tests/support/temp_directory.hpp"

namespace leat::bench {

/// Updates of one row each of a table of make_table(), a transaction each, at a steady rate, by
/// pgbench, while the object lives or until its time is over.
class steady_load {
 public:
  static constexpr int keys = 100000; ///< rows that the table has

  steady_load(const test::pg_server& source, const std::string& table, int transactions_per_second,
              double seconds);
  void wait() { pgbench_.wait(std::chrono::minutes(10)); }

 private:
  std::string script(const std::string& table);

  test::temp_directory directory_;
  test::process pgbench_;
};

/// Commits numbered rows into the source's table `probes` and watches them become visible at the
/// target.
class probes {
 public:
  /// `visible`: the highest id that a reader of the target sees, 0 for none.
  probes(const test::pg_server& source, std::function<std::size_t()> visible);

  void run(double seconds);
  double quantile(double q); ///< ms from the commit's return until it was seen

 private:
  void commit();
  void look();

  test::pg_session source_;
  std::function<std::size_t()> visible_;
  std::vector<double> committed_;
  std::vector<double> lags_; ///< ms
};

} // namespace leat::bench
