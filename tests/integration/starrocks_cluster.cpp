#include "tests/integration/starrocks_cluster.hpp"

#include <algorithm>
#include <cstdlib>
#include <random>

#include "tests/support/row_lines.hpp"

namespace leat::test {

starrocks_cluster& starrocks_cluster::shared() {
  static starrocks_cluster one;
  return one;
}

starrocks_cluster::starrocks_cluster() {
  const char* given = std::getenv("LEAT_TEST_STARROCKS");
  given != nullptr ? read(given) : start({});
}

void starrocks_cluster::start(const std::vector<std::string>& options) {
  double_.emplace(directory_.path(), options);
  http = double_->http();
  mysql = double_->mysql();
  control_port_ = double_->port("control");
}

void starrocks_cluster::read(const std::string& text) {
  for (std::size_t at = 0; at < text.size();) {
    const auto end = std::min(text.find(';', at), text.size());
    const auto part = text.substr(at, end - at);
    const auto equal = part.find('=');
    const auto name = part.substr(0, equal);
    const auto value = equal == part.npos ? "" : part.substr(equal + 1);
    if (name == "http") http.push_back(value);
    if (name == "mysql") mysql.push_back(value);
    if (name == "user") user = value;
    if (name == "password") password = value;
    if (name == "control") control_port_ = std::stoi(value);
    at = end + 1;
  }
}

starrocks_database::starrocks_database() : sql_(sql_settings()) {
  std::random_device device;
  database_ = "leat_test_" + std::to_string(device());
}

starrocks_database::~starrocks_database() {
  execute("DROP DATABASE IF EXISTS `" + database_ + "` FORCE");
}

starrocks::mysql_settings starrocks_database::sql_settings() {
  return {cluster().mysql, cluster().user, cluster().password};
}

std::string starrocks_database::rows_of(const std::string& select) {
  return lines_of(ask(select).rows);
}

std::string mode_name(const ::testing::TestParamInfo<atomicity>& info) {
  return info.param == atomicity::epoch ? "epoch" : "table";
}

} // namespace leat::test
