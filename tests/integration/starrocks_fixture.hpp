#pragma once

#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <vector>

#include "dataflow/spill.hpp"
#include "plugins/starrocks/sink.hpp"
#include "tests/integration/starrocks_cluster.hpp"
#include "tests/support/caught_error.hpp"
#include "tests/support/sink_driver.hpp"

namespace leat::test {

struct starrocks_column {
  std::string name;
  value_class kind = value_class::int4;
  std::string type_name = "integer";
};

/// A source table; the first `key` columns are its key.
schema_ptr starrocks_source(const std::string& name, const std::vector<starrocks_column>& columns,
                            std::size_t key = 1);
/// A column that came later.
void add_column(table_schema& to, const starrocks_column& added);

/// A sink with one route over `items`, in a database of its own, driven as the engine drives it.
class starrocks_fixture : public ::testing::Test,
                          protected starrocks_database,
                          protected sink_driver {
 protected:
  starrocks_fixture();
  /// Whatever a test does, no transaction has two operations on a key.
  ~starrocks_fixture() override;

  virtual sink_options options() const;

  static schema_ptr items();

  using sink_driver::open;
  /// As after a crash: the sink is thrown away, and made anew.
  std::optional<target_progress> open(const sink_options&);
  std::optional<target_progress> reopen() { return open(options()); }
  /// The same, with the route that was attached last.
  void restart();
  void attach_items() { attach(route_of(items())); }
  /// A sink on an empty database with `items` attached.
  void begin();

  std::string items_rows();

  atomicity mode_ = atomicity::epoch;
  temp_directory spill_directory_;
  sink_resources resources_{std::make_shared<spill_area>(spill_directory_ / "spill", 1ULL << 30),
                            4U << 20};
};

/// The same test in both ways of committing.
class starrocks_both : public starrocks_fixture, public ::testing::WithParamInterface<atomicity> {
 protected:
  starrocks_both() { mode_ = GetParam(); }
};

} // namespace leat::test
