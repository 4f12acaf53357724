#pragma once

#include <string>
#include <vector>

#include "tests/integration/starrocks_cluster.hpp"
#include "tests/support/pipeline_fixture.hpp"

namespace leat::test {

/// A source database, the leat binary, and a database of its own at the cluster that tests use.
class starrocks_pipeline : protected starrocks_database, public pipeline_fixture {
 protected:
  starrocks_pipeline();

  /// Of a [sink.NAME]; more may follow.
  std::string sink_lines() const;

  using starrocks_database::rows_of;
  std::string rows_of(const std::string& columns, const std::string& name,
                      const std::string& order = "id");

  /// A list of strings in TOML.
  static std::string listed(const std::vector<std::string>& all);
};

} // namespace leat::test
