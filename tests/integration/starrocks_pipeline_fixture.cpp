#include "tests/integration/starrocks_pipeline_fixture.hpp"

namespace leat::test {

starrocks_pipeline::starrocks_pipeline() {
  text.sinks = {{"dwh", sink_lines()}};
  text.routes = {"from = \"public.*\"\nsink = \"dwh\""};
  text.interval = "200ms";
}

std::string starrocks_pipeline::sink_lines() const {
  return "connector = \"starrocks\"\nhttp = " + listed(cluster().http)
         + "\nmysql = " + listed(cluster().mysql) + "\nuser = \"" + cluster().user
         + "\"\npassword = \"" + cluster().password + "\"\ndatabase = \"" + database_
         + "\"\ntable = { properties = { replication_num = \"1\" } }\n";
}

std::string starrocks_pipeline::rows_of(const std::string& columns, const std::string& name,
                                        const std::string& order) {
  return rows_of("SELECT " + columns + " FROM " + table(name) + " ORDER BY " + order);
}

std::string starrocks_pipeline::listed(const std::vector<std::string>& all) {
  std::string names;
  for (const auto& each : all) names += (names.empty() ? "\"" : ", \"") + each + "\"";
  return "[" + names + "]";
}

} // namespace leat::test
