#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "dataflow/pipeline_file.hpp"
#include "plugins/starrocks/mysql_client.hpp"
#include "tests/support/starrocks_double.hpp"
#include "tests/support/temp_directory.hpp"

namespace leat::test {

/// The cluster that tests use: that of
/// LEAT_TEST_STARROCKS="http=HOST:PORT;mysql=HOST:PORT;user=NAME;password=...", else the double,
/// started once for the test program. `control=PORT` says that it is a double started by hand.
class starrocks_cluster : public starrocks_control {
 public:
  static starrocks_cluster& shared();

  /// A double of its own, started with these options.
  explicit starrocks_cluster(const std::vector<std::string>& options) { start(options); }

  bool is_double() const { return control_port_ != 0; }

  std::vector<std::string> http;
  std::vector<std::string> mysql;
  std::string user = "root";
  std::string password;

 private:
  starrocks_cluster();

  void start(const std::vector<std::string>& options);
  void read(const std::string& text);

  temp_directory directory_;
  std::optional<starrocks_double> double_;
};

/// A database of its own at the cluster that tests use, dropped at the end, and a session there
/// beside leat's.
class starrocks_database {
 protected:
  starrocks_database();
  ~starrocks_database();

  static starrocks_cluster& cluster() { return starrocks_cluster::shared(); }
  static starrocks::mysql_settings sql_settings();

  starrocks::sql_rows ask(const std::string& sql) { return sql_.query(sql); }
  void execute(const std::string& sql) { ask(sql); }
  /// Rows as lines "a|b|NULL", joined by spaces.
  std::string rows_of(const std::string& select);
  /// As SQL names it.
  std::string table(const std::string& name) const { return "`" + database_ + "`.`" + name + "`"; }

  std::string database_;

 private:
  starrocks::mysql_client sql_;
};

/// What a test that commits in this way is called.
std::string mode_name(const ::testing::TestParamInfo<atomicity>&);

} // namespace leat::test
