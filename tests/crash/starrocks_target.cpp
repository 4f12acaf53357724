#include "tests/crash/starrocks_target.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <nlohmann/json.hpp>
#include <thread>
#include <utility>

#include "dataflow/error.hpp"
#include "plugins/starrocks/mysql_client.hpp"

namespace leat::test {

namespace {

using namespace std::chrono_literals;
using json = starrocks_double::json;
using moment = std::chrono::steady_clock::time_point;

moment after(std::chrono::milliseconds time) { return std::chrono::steady_clock::now() + time; }

std::string list(const std::vector<std::string>& all) {
  std::string names;
  for (const auto& each : all) names += (names.empty() ? "\"" : ", \"") + each + "\"";
  return "[" + names + "]";
}

starrocks::mysql_settings login(const starrocks_double& cluster) {
  starrocks::mysql_settings settings;
  settings.servers = cluster.mysql();
  settings.user = "root";
  return settings;
}

class starrocks_target_reader : public target_reader {
 public:
  starrocks_target_reader(const starrocks_double& cluster, const std::string& database)
      : sql_(login(cluster)) {
    query("USE `" + database + "`");
  }

  text_rows query(const std::string& sql) override {
    try {
      return sql_.query(sql, "observer").rows;
    } catch (const leat::error& e) {
      const std::string_view what(e.what());
      const bool refused = what.find("refuses a statement") != what.npos;
      if (!refused || what.find("leader is unavailable") != what.npos) throw target_away(e.what());
      throw std::runtime_error(e.what());
    }
  }

 private:
  starrocks::mysql_client sql_;
};

/// A node that comes back, a setting that goes back.
struct due_order {
  moment when;
  std::string path;
  json order;
};

class starrocks_target : public target {
 public:
  starrocks_target(std::string name, starrocks_double& cluster, std::string database,
                   starrocks_mode mode, std::uint64_t seed, const std::string& version)
      : target(std::move(name)), cluster_(cluster), database_(std::move(database)), mode_(mode) {
    dice dice(seed);
    settings_ = {
        {"version", mode == starrocks_mode::epoch
                        ? dice.pick<std::string>({"4.0.5", "4.0.5", "4.1.0", "4.2.1"})
                        : dice.pick<std::string>({"2.5.13", "3.0.9", "3.2.8", "3.3.5", "4.0.5"})},
        {"label_keep_num", dice.pick<int>({1000, 1000, 40, 4})}};
    if (!version.empty()) settings_["version"] = version;
    if (dice.chance(0.2)) settings_["shared_data"] = settings_["deletes_after_upserts"] = true;
    if (mode == starrocks_mode::epoch && dice.chance(0.2)) settings_["multi_4_0_early"] = true;
    settings_["one_op_per_key"] = true;
    format_ = dice.pick<std::string>({"json", "json", "csv"});
    max_load_ = dice.pick<std::string>({"90MiB", "90MiB", "64KiB"});
    cluster_.remove("/fault");
    cluster_.remove("/quirk");
    cluster_.remove("/wire");
    cluster_.remove("/repeated");
    cluster_.control("/quirk", settings_);
    drop_database();
  }

  ~starrocks_target() override {
    try {
      drop_database();
    } catch (const std::exception&) { // it is going, with its state
    }
  }

  std::string options() const override {
    return fmt::format("connector = \"starrocks\"\nhttp = {}\nmysql = {}\nuser = \"root\"\n"
                       "database = \"{}\"\natomicity = \"{}\"\nformat = \"{}\"\n"
                       "max_load_bytes = \"{}\"\n"
                       "table = {{ buckets = 2, properties = {{ replication_num = \"1\" }} }}\n",
                       list(cluster_.http()), list(cluster_.mysql()), database_,
                       mode_ == starrocks_mode::epoch ? "epoch" : "table", format_, max_load_);
  }

  std::unique_ptr<target_reader> open() const override {
    starrocks::mysql_client sql(login(cluster_));
    try {
      const auto there = sql.query("SELECT TABLE_NAME FROM information_schema.tables WHERE "
                                   "TABLE_NAME = 'leat_progress' AND TABLE_SCHEMA = '"
                                   + database_ + "'");
      if (there.empty()) return nullptr;
    } catch (const leat::error& e) {
      throw target_away(e.what());
    }
    return std::make_unique<starrocks_target_reader>(cluster_, database_);
  }

  promised_cut cut() const override {
    return mode_ == starrocks_mode::epoch ? promised_cut::all_tables : promised_cut::each_table;
  }
  bool takes(const workload_table& table) const override { return table.has_key; }
  /// Names of tables stand in HTTP headers.
  std::string name_of(const workload_table& table) const override {
    return table.name.find('"') == std::string::npos ? table.name : "weird";
  }
  std::string quoted(const std::string& name) const override { return "`" + name + "`"; }
  compared_columns columns(const workload_table& table) const override {
    auto here = table.starrocks_columns.empty() ? table.columns : table.starrocks_columns;
    // Before 3.0 there is no VARBINARY: bytes are \x and hex.
    if (settings_.at("version").get<std::string>().starts_with("2."))
      std::replace(here.begin(), here.end(), std::string("hex(raw)"),
                   std::string("upper(substr(raw, 3))"));
    return {table.printed.empty() ? table.columns : table.printed, std::move(here)};
  }

  /// Nothing that is committed becomes visible.
  void block(std::chrono::milliseconds time, const std::stop_token& told) const override {
    if (!give("/quirk", {{"stuck_publish", true}})) return;
    rest(time, told);
    give("/quirk", {{"stuck_publish", false}});
  }

  int slowness() const override { return 4; }
  double disturbance() const override { return 12; }
  std::string disturb(dice&) override;

  void attend() override {
    if (!cluster_.running()) return revive();
    const auto now = std::chrono::steady_clock::now();
    std::erase_if(
        due_, [&](const due_order& due) { return due.when <= now && give(due.path, due.order); });
  }

  void calm() override {
    if (!cluster_.running()) revived();
    for (const auto& due : due_) cluster_.control(due.path, due.order);
    due_.clear();
    cluster_.control("/quirk", {{"stuck_publish", false}});
    attend();
  }

  void quiet() override {
    if (!cluster_.running()) revived();
    const auto faults = cluster_.control("/fault").at("faults");
    for (const auto& fault : faults) struck_ += fault.at("struck").get<int>();
    cluster_.remove("/fault");
    const auto repeated = cluster_.control("/repeated").at("repeated");
    if (!repeated.empty())
      throw std::runtime_error("a transaction had several operations on a key: " + repeated.dump());
  }

  int struck() const override { return struck_; }

  void explain(const std::filesystem::path& directory) const override {
    for (const char* what : {"wire", "status", "fault", "quirk"}) {
      std::ofstream out(directory / (std::string("starrocks_") + what + ".json"));
      try {
        out << cluster_.control("/" + std::string(what)).dump(1);
      } catch (const std::exception& e) {
        out << e.what();
      }
    }
    std::ofstream(directory / "starrocks_stderr.log") << cluster_.complaints();
  }

 private:
  using trouble = std::string (starrocks_target::*)(dice&);

  std::string fault_of_load(dice&);
  std::string fault_of_statement(dice&);
  std::string kill(dice&);
  std::string lose_node(dice&);
  std::string switch_leader(dice&);
  std::string forget(dice&);
  std::string pass_time(dice&);
  std::string limit(dice&);

  /// False while the cluster is down.
  bool give(const std::string& path, const json& order) const {
    try {
      cluster_.control(path, order);
      return true;
    } catch (const std::exception&) {
      return false;
    }
  }

  void later(std::chrono::milliseconds time, std::string path, json order) {
    due_.push_back({after(time), std::move(path), std::move(order)});
  }

  /// Faults may kill it at any moment.
  void revive() {
    if (!down_since_) down_since_ = std::chrono::steady_clock::now();
    if (std::chrono::steady_clock::now() - *down_since_ < 100ms) return;
    revived();
  }

  /// What its faults had struck before is not known: this one.
  void revived() {
    cluster_.start();
    down_since_.reset();
    ++struck_;
  }

  void drop_database() {
    starrocks::mysql_client(login(cluster_))
        .query("DROP DATABASE IF EXISTS `" + database_ + "` FORCE");
  }

  starrocks_double& cluster_;
  std::string database_;
  starrocks_mode mode_;
  json settings_;
  std::string format_;
  std::string max_load_;
  std::vector<due_order> due_;
  int struck_ = 0;
  std::optional<moment> down_since_;
};

std::string starrocks_target::disturb(dice& dice) {
  if (!cluster_.running()) return "";
  static const std::vector<std::pair<trouble, double>> all = {
      {&starrocks_target::fault_of_load, 10}, {&starrocks_target::fault_of_statement, 4},
      {&starrocks_target::kill, 1},           {&starrocks_target::lose_node, 3},
      {&starrocks_target::switch_leader, 1},  {&starrocks_target::forget, 3},
      {&starrocks_target::pass_time, 2},      {&starrocks_target::limit, 2}};
  static const std::vector<double> weights = [] {
    std::vector<double> result;
    for (const auto& [ignored, weight] : all) result.push_back(weight);
    return result;
  }();
  try {
    const auto done = (this->*all[dice.weighted(weights)].first)(dice);
    if (!done.starts_with("fault") && cluster_.running()) ++struck_; // else revived() counts
    return name() + ": " + done;
  } catch (const std::runtime_error& e) { // it was killed by an earlier fault at this very moment
    if (cluster_.running()) throw;
    return name() + ": down";
  }
}

/// Steps of the load interface, refused, delayed, cut before and after they are done.
std::string starrocks_target::fault_of_load(dice& dice) {
  static const std::vector<std::string> operations = {
      "begin",  "begin",  "load",   "load",     "load",     "load",  "prepare", "prepare", "commit",
      "commit", "commit", "commit", "rollback", "rollback", "state", "state",   "cancel"};
  static const std::vector<std::string> before = {
      "close",
      "reset",
      "close",
      "delay:0.3",
      "status:503",
      "restart",
      "kill",
      "error:Too many versions. tablet_id: 7, version_count: 1000, limit: 1000",
      "error:disk capacity exceed, path: /data/be0/storage",
      "error:Memory limit of query exceeded",
      "error:primary replica is busy"};
  static const std::vector<std::string> afterwards = {
      "close",      "close",   "reset", "half_reply",           "delay:0.3",
      "status:503", "restart", "kill",  "error:publish timeout"};
  json fault{{"node", "*"},
             {"op", dice.pick(operations)},
             {"nth", dice.between(1, dice.chance(0.7) ? 3 : 30)},
             {"times", dice.chance(0.7) ? 1 : dice.between(2, 4)}};
  const bool load = fault["op"] == "load";
  if (load && dice.chance(0.2)) {
    fault["phase"] = fmt::format("body:{}", dice.pick<int>({1, 50, 4000}));
    fault["action"] = dice.pick<std::string>({"close", "reset", "restart"});
  } else if ((load || fault["op"] == "prepare") && dice.chance(0.2)) {
    fault["phase"] = "headers";
    fault["action"] = "reply";
    fault["argument"] = {{"Status", "TXN_IN_PROCESSING"},
                         {"Message", "Transaction in processing, please retry later"}};
  } else if (dice.chance(0.5)) {
    fault["phase"] = "after";
    fault["action"] = dice.pick(afterwards);
  } else {
    fault["phase"] = dice.pick<std::string>({"headers", "before"});
    fault["action"] = dice.pick(before);
  }
  cluster_.control("/fault", fault);
  return "fault " + fault.dump();
}

std::string starrocks_target::fault_of_statement(dice& dice) {
  static const std::vector<std::string> statements = {"^INSERT INTO .*leat_progress",
                                                      "^INSERT INTO .*leat_progress_table",
                                                      "^INSERT INTO .*next",
                                                      "^SELECT target, pipeline_id",
                                                      "^SELECT table_name, last_chunk",
                                                      "^TRUNCATE",
                                                      "^SELECT `",
                                                      "^CREATE",
                                                      "^DESC",
                                                      "information_schema"};
  const json fault{
      {"node", "*"},
      {"op", "sql:" + dice.pick(statements)},
      {"phase", dice.pick<std::string>({"before", "after"})},
      {"action", dice.pick<std::string>(
                     {"close", "close", "delay:0.3", "restart",
                      "error:1064:Backend node not found. Check if any backend node is down"})},
      {"nth", dice.between(1, 4)}};
  cluster_.control("/fault", fault);
  return "fault " + fault.dump();
}

std::string starrocks_target::kill(dice&) {
  cluster_.kill();
  down_since_ = std::chrono::steady_clock::now();
  return "SIGKILL to the cluster";
}

std::string starrocks_target::lose_node(dice& dice) {
  const auto node = dice.pick<std::string>({"fe", "fe2", "be0", "be0", "be1", "be1"});
  const bool crash = dice.chance(0.6);
  const auto time = std::chrono::milliseconds(dice.between(0, 1200));
  if (dice.chance(0.3)) {
    cluster_.control("/quirk", {{"loss_unnoticed_seconds", 1}});
    later(time, "/quirk", {{"loss_unnoticed_seconds", 0}});
  }
  cluster_.control("/node", {{node, crash ? "crash" : "unreachable"}});
  later(time, "/node", {{node, crash ? "start" : "reachable"}});
  return fmt::format("{} {} for {} ms", node, crash ? "crashes" : "is unreachable", time.count());
}

std::string starrocks_target::switch_leader(dice&) {
  cluster_.control("/node", {{"fe", "switch_leader"}});
  return "the other FE becomes leader";
}

std::string starrocks_target::forget(dice& dice) {
  const auto what = dice.pick<std::string>({"labels", "labels", "coordinators", "contexts"});
  cluster_.control("/forget", {{what, true}});
  return "forgets " + what;
}

/// Sweeps, time-outs of open and of prepared transactions, labels that are too old.
std::string starrocks_target::pass_time(dice& dice) {
  const int seconds = dice.pick<int>({31, 31, 15'000, 90'000, 300'000});
  cluster_.control("/clock", {{"advance", seconds}});
  return fmt::format("{} s pass", seconds);
}

std::string starrocks_target::limit(dice& dice) {
  const auto time = std::chrono::milliseconds(dice.between(100, 1200));
  switch (dice.between(0, 3)) {
  case 0:
    cluster_.control("/quirk", {{"compaction", false}, {"max_versions", 4}});
    later(time, "/quirk", {{"compaction", true}, {"max_versions", 1000}});
    later(time, "/compact", json::object());
    return fmt::format("no compaction for {} ms", time.count());
  case 1:
    cluster_.control("/quirk", {{"max_running_txn", dice.between(0, 2)}});
    later(time, "/quirk", {{"max_running_txn", nullptr}});
    return fmt::format("hardly a transaction may run for {} ms", time.count());
  case 2:
    cluster_.control("/quirk", {{"disk_full", true}});
    later(time, "/quirk", {{"disk_full", false}});
    return fmt::format("disk full for {} ms", time.count());
  default:
    const double delay = dice.between(1, 6) / 10.0;
    cluster_.control("/quirk", {{"publish_delay", delay}});
    later(time * 2, "/quirk", {{"publish_delay", 0}});
    return fmt::format("publishes {} s late for {} ms", delay, 2 * time.count());
  }
}

} // namespace

std::unique_ptr<target> make_starrocks_target(std::string name, starrocks_double& cluster,
                                              std::string database, starrocks_mode mode,
                                              std::uint64_t seed, const std::string& version) {
  return std::make_unique<starrocks_target>(std::move(name), cluster, std::move(database), mode,
                                            seed, version);
}

} // namespace leat::test
