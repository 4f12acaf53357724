#pragma once

#include <random>
#include <string>
#include <vector>

#include "tests/integration/starrocks_fixture.hpp"
#include "tests/support/pipeline_fixture.hpp"

namespace leat::test {

/// A source database, the leat binary, and a database of its own at the cluster that tests use.
class starrocks_pipeline : public pipeline_fixture {
 protected:
  starrocks_pipeline() : sql_(sql_settings()) {
    std::random_device device;
    database_ = "leat_test_" + std::to_string(device());
    text.sinks = {{"dwh", sink_lines()}};
    text.routes = {"from = \"public.*\"\nsink = \"dwh\""};
    text.interval = "200ms";
  }
  ~starrocks_pipeline() override {
    sql_.query("DROP DATABASE IF EXISTS `" + database_ + "` FORCE");
  }

  static starrocks_cluster& cluster() { return starrocks_cluster::shared(); }
  static starrocks::mysql_settings sql_settings() {
    starrocks::mysql_settings s;
    s.servers = cluster().mysql;
    s.user = cluster().user;
    s.password = cluster().password;
    return s;
  }

  /// Of a [sink.NAME]; more may follow.
  std::string sink_lines() const {
    return "connector = \"starrocks\"\nhttp = " + listed(cluster().http)
           + "\nmysql = " + listed(cluster().mysql) + "\nuser = \"" + cluster().user
           + "\"\npassword = \"" + cluster().password + "\"\ndatabase = \"" + database_
           + "\"\ntable = { properties = { replication_num = \"1\" } }\n";
  }

  starrocks::sql_rows ask(const std::string& sql) { return sql_.query(sql); }

  /// Rows as lines "a|b|NULL", joined by spaces.
  std::string rows_of(const std::string& columns, const std::string& table,
                      const std::string& order = "id") {
    std::string all;
    const auto found =
        ask("SELECT " + columns + " FROM `" + database_ + "`.`" + table + "` ORDER BY " + order);
    for (const auto& r : found.rows) {
      if (!all.empty()) all += ' ';
      for (std::size_t i = 0; i < r.size(); ++i) all += (i ? "|" : "") + r[i].value_or("NULL");
    }
    return all;
  }

  /// A list of strings in TOML.
  static std::string listed(const std::vector<std::string>& all) {
    std::string names;
    for (const auto& each : all) names += (names.empty() ? "\"" : ", \"") + each + "\"";
    return "[" + names + "]";
  }

  std::string database_;

 private:
  starrocks::mysql_client sql_;
};

} // namespace leat::test
