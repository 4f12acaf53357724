#pragma once

#include <gtest/gtest.h>
#include <httplib.h>

#include <chrono>
#include <cstdlib>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "dataflow/error.hpp"
#include "dataflow/spill.hpp"
#include "plugins/starrocks/mysql_client.hpp"
#include "plugins/starrocks/sink.hpp"
#include "tests/support/batch_builder.hpp"
#include "tests/support/process.hpp"
#include "tests/support/temp_directory.hpp"

namespace leat::test {

/// The cluster that tests use: that of
/// LEAT_TEST_STARROCKS="http=HOST:PORT;mysql=HOST:PORT;user=NAME;password=...", else the double,
/// started once for the test program. `control=PORT` says that it is a double started by hand.
class starrocks_cluster {
 public:
  using json = nlohmann::json;

  static starrocks_cluster& shared() {
    static starrocks_cluster one;
    return one;
  }

  /// A double of its own, started with these options.
  explicit starrocks_cluster(const std::vector<std::string>& more) { start(more); }

  std::vector<std::string> http;
  std::vector<std::string> mysql;
  std::string user = "root";
  std::string password;

  bool is_double() const { return control_ != 0; }

  /// An order to the double's control port; gives its answer.
  json control(const std::string& path, const json& order) const {
    httplib::Client client("127.0.0.1", control_);
    client.set_read_timeout(30);
    return checked(client.Post(path, order.dump(), "application/json"), path);
  }
  json control(const std::string& path) const {
    httplib::Client client("127.0.0.1", control_);
    return checked(client.Get(path), path);
  }
  void remove(const std::string& path) const {
    httplib::Client client("127.0.0.1", control_);
    checked(client.Delete(path), path);
  }
  int control_port() const { return control_; }

 private:
  starrocks_cluster() {
    const char* given = std::getenv("LEAT_TEST_STARROCKS");
    given != nullptr ? read(given) : start({});
  }

  void start(const std::vector<std::string>& more) {
    process_options options;
    options.die_with_parent = true;
    std::vector<std::string> command{std::string(LEAT_SOURCE_DIRECTORY)
                                         + "/scripts/starrocks-double",
                                     "--dir", (directory_ / "cluster").string()};
    command.insert(command.end(), more.begin(), more.end());
    process_ = std::make_unique<process>(command, options);
    const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(30);
    while (process_->out().find('\n') == std::string::npos) {
      if (!process_->running() || std::chrono::steady_clock::now() > until)
        throw std::runtime_error("the StarRocks double does not start: " + process_->err());
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
    const auto ports = json::parse(process_->out());
    const auto address = [&](const char* name) {
      return "127.0.0.1:" + std::to_string(ports.at(name).get<int>());
    };
    http = {address("fe"), address("fe2")};
    mysql = {address("mysql"), address("mysql2")};
    control_ = ports.at("control").get<int>();
  }

  void read(const std::string& text) {
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
      if (name == "control") control_ = std::stoi(value);
      at = end + 1;
    }
  }

  static json checked(const httplib::Result& reply, const std::string& path) {
    if (!reply || reply->status != 200)
      throw std::runtime_error("control port refuses " + path + ": "
                               + (reply ? reply->body : "no answer"));
    return json::parse(reply->body);
  }

  temp_directory directory_;
  std::unique_ptr<process> process_;
  int control_ = 0;
};

struct starrocks_column {
  std::string name;
  value_class kind = value_class::int4;
  std::string type_name = "integer";
};

/// A source table; the first `key` columns are its key.
inline schema_ptr starrocks_source(const std::string& name,
                                   const std::vector<starrocks_column>& columns,
                                   std::size_t key = 1) {
  table_schema schema;
  schema.id = 16384;
  schema.schema = "public";
  schema.name = name;
  for (const auto& each : columns) {
    column c;
    c.name = each.name;
    c.kind = each.kind;
    c.type_name = each.type_name;
    c.number = static_cast<std::int16_t>(schema.columns.size() + 1);
    c.identity = schema.columns.size() < key;
    if (c.identity) schema.key.push_back(static_cast<std::uint16_t>(schema.columns.size()));
    schema.columns.push_back(std::move(c));
  }
  return std::make_shared<const table_schema>(std::move(schema));
}

/// A sink with one route over `items`, in a database of its own, driven as the engine drives it.
class starrocks_fixture : public ::testing::Test {
 protected:
  starrocks_fixture() : sql_(sql_settings()) {
    std::random_device device;
    database_ = "leat_test_" + std::to_string(device());
  }
  ~starrocks_fixture() override {
    close();
    if (cluster().is_double()) {
      cluster().remove("/fault");
      cluster().remove("/quirk");
    }
    sql_.query("DROP DATABASE IF EXISTS `" + database_ + "` FORCE");
  }

  static starrocks_cluster& cluster() { return starrocks_cluster::shared(); }
  static starrocks::mysql_settings sql_settings() {
    return {cluster().mysql, cluster().user, cluster().password};
  }

  virtual sink_options options() const {
    sink_options o;
    o.name = "dwh";
    o.connector = "starrocks";
    o.connection = {{"user", cluster().user}, {"password", cluster().password}};
    o.starrocks.http = cluster().http;
    o.starrocks.mysql = cluster().mysql;
    o.starrocks.database = database_;
    o.starrocks.table.properties = {{"replication_num", "1"}};
    o.starrocks.atomicity_given = true;
    o.atomicity = mode_;
    return o;
  }

  static schema_ptr items() {
    return starrocks_source("items", {{"id", value_class::int4, "integer"},
                                      {"name", value_class::text, "text"},
                                      {"body", value_class::text, "text"}});
  }

  /// As after a crash: the sink is thrown away, and made anew.
  std::optional<target_progress> reopen() { return open(options()); }
  std::optional<target_progress> open(const sink_options& o) {
    close();
    sink_ = starrocks::make_sink("shop", o);
    auto found = sink_->open();
    sink_->use(resources_);
    last_ = found.value_or(target_progress{});
    return found;
  }
  void close() {
    writer_ = nullptr;
    sink_.reset();
  }
  void attach(route r) {
    attached_ = share(std::move(r));
    writer_ = &sink_->attach(attached_);
  }
  void attach_items() { attach(route_of(items())); }
  void restart() {
    reopen();
    attach(*attached_);
  }
  /// A sink on an empty database with `items` attached.
  void begin() {
    reopen();
    attach_items();
  }

  batch_builder changes() const { return batch_builder(attached_->schema); }
  void write(batch_builder builder) {
    const auto b = builder.build();
    writer_->write(b, all_changes(*b));
  }
  target_progress progress(epoch_id epoch, bool consistent = true) const {
    auto p = last_;
    p.consistent = consistent;
    p.pipeline_id = "id-of-shop";
    p.epoch = epoch;
    p.position = commit_lsn{epoch * 100};
    return p;
  }
  /// Ends an epoch; gives the keys of the missing rows.
  std::vector<std::vector<std::string>> commit(epoch_id epoch, bool consistent = true) {
    std::vector<std::vector<std::string>> keys;
    for (auto& [id, lost] : sink_->prepare())
      keys.insert(keys.end(), lost.keys.begin(), lost.keys.end());
    sink_->commit(progress(epoch, consistent));
    return keys;
  }

  /// Rows as lines "a|b|NULL", joined by spaces.
  std::string rows_of(const std::string& select) {
    std::string text;
    const auto found = sql_.query(select);
    for (const auto& r : found.rows) {
      if (!text.empty()) text += ' ';
      for (std::size_t i = 0; i < r.size(); ++i) text += (i ? "|" : "") + r[i].value_or("NULL");
    }
    return text;
  }
  std::string items_rows() {
    return rows_of("SELECT id, name, body FROM " + table("items") + " ORDER BY id");
  }
  std::string table(const std::string& name) const { return "`" + database_ + "`.`" + name + "`"; }
  void execute(const std::string& sql) { sql_.query(sql); }

  /// The error that `act` ends with; fails the test when it does not.
  template <class Act>
  static leat::error error_of(const Act& act) {
    try {
      act();
    } catch (const leat::error& e) {
      return e;
    }
    ADD_FAILURE() << "no leat::error was thrown";
    return {error_kind::bug, "none", "", ""};
  }

  atomicity mode_ = atomicity::epoch;
  std::string database_;
  temp_directory spill_directory_;
  sink_resources resources_{std::make_shared<spill_area>(spill_directory_ / "spill", 1ULL << 30),
                            4U << 20};
  std::unique_ptr<sink> sink_;
  writer* writer_ = nullptr;
  route_ptr attached_;
  target_progress last_;

 private:
  starrocks::mysql_client sql_;
};

/// The same test in both ways of committing.
class starrocks_both : public starrocks_fixture, public ::testing::WithParamInterface<atomicity> {
 protected:
  starrocks_both() { mode_ = GetParam(); }
};

inline std::string mode_name(const ::testing::TestParamInfo<atomicity>& info) {
  return info.param == atomicity::epoch ? "epoch" : "table";
}

} // namespace leat::test
