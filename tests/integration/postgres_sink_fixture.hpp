#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "dataflow/error.hpp"
#include "plugins/postgres/target_sink.hpp"
#include "tests/support/batch_builder.hpp"
#include "tests/support/pg_server.hpp"

namespace leat::test {

struct typed_column {
  std::string name;
  std::string type;
  value_class kind = value_class::other;
  bool built_in = true;
};

inline value_class class_of(const std::string& type) {
  if (type == "integer") return value_class::int4;
  if (type == "bigint") return value_class::int8;
  if (type.starts_with("numeric")) return value_class::numeric;
  if (type == "text" || type.starts_with("character")) return value_class::text;
  if (type == "boolean") return value_class::boolean;
  if (type == "json") return value_class::json;
  if (type.ends_with("[]")) return value_class::array;
  return value_class::other;
}

/// A source table of columns with real types; the first `key` columns are its key.
inline schema_ptr source_table(const std::string& name,
                               const std::vector<std::pair<std::string, std::string>>& columns,
                               std::size_t key = 1) {
  table_schema schema;
  schema.id = 16384;
  schema.schema = "public";
  schema.name = name;
  for (const auto& [column_name, type] : columns) {
    column c;
    c.name = column_name;
    c.type_name = type;
    c.kind = class_of(type);
    c.number = static_cast<std::int16_t>(schema.columns.size() + 1);
    c.identity = schema.columns.size() < key;
    if (c.identity) schema.key.push_back(static_cast<std::uint16_t>(schema.columns.size()));
    schema.columns.push_back(std::move(c));
  }
  if (key == 0) schema.identity = replica_identity::full;
  return std::make_shared<const table_schema>(std::move(schema));
}

/// A sink with one route, driven as the engine drives it.
class driven_sink {
 public:
  driven_sink(const sink_options& options, const std::string& pipeline = "shop")
      : sink_(postgres::make_target_sink(pipeline, options)) {
    progress = sink_->open();
    if (progress) next = *progress;
  }

  driven_sink& attach(const route_ptr& r) {
    writer_ = &sink_->attach(r);
    return *this;
  }
  driven_sink& write(const batch_ptr& rows) {
    writer_->write(rows, all_changes(*rows));
    return *this;
  }
  /// Ends the epoch; gives the rows that are missing.
  std::vector<missing_row> commit(bool consistent = true) {
    auto missing = sink_->prepare();
    ++next.epoch;
    next.position = commit_lsn{next.epoch * 100};
    next.consistent = consistent;
    sink_->commit(next);
    return missing;
  }

  writer& table() { return *writer_; }
  sink& whole() { return *sink_; }

  std::optional<target_progress> progress; ///< what open() found
  target_progress next{"id-of-shop", 0, {}, false, {}};

 private:
  std::unique_ptr<sink> sink_;
  writer* writer_ = nullptr;
};

/// An empty database for each test.
class postgres_sink_test : public ::testing::Test {
 protected:
  static pg_server& server() {
    static pg_server shared;
    return shared;
  }

  void SetUp() override {
    execute(
        "DO $$ DECLARE s name; BEGIN FOR s IN SELECT nspname FROM pg_namespace WHERE nspname "
        "NOT LIKE 'pg\\_%' AND nspname <> 'information_schema' LOOP EXECUTE format('DROP SCHEMA "
        "%I CASCADE', s); END LOOP; END $$; CREATE SCHEMA public");
  }

  sink_options options() const {
    sink_options o;
    o.name = "dwh";
    o.connector = "postgres";
    o.connection = server().parameters(database_);
    return o;
  }
  driven_sink open(const route_ptr& r) const {
    driven_sink sink(options());
    sink.attach(r);
    return sink;
  }

  void execute(const std::string& sql) const { server().execute(sql, database_); }
  std::string value_of(const std::string& sql) const { return server().value(sql, database_); }
  /// Rows as lines "a|b|NULL", joined by spaces.
  std::string rows_of(const std::string& sql) const {
    std::string text;
    for (const auto& r : server().query(sql, database_)) {
      if (!text.empty()) text += ' ';
      for (std::size_t i = 0; i < r.size(); ++i) text += (i ? "|" : "") + r[i].value_or("NULL");
    }
    return text;
  }

  std::string database_ = "postgres";
};

/// The error that `act` ends with; fails the test when it does not.
template <class Act>
leat::error error_of(const Act& act) {
  try {
    act();
  } catch (const leat::error& e) {
    return e;
  }
  ADD_FAILURE() << "no leat::error was thrown";
  return {error_kind::bug, "none", "", ""};
}

} // namespace leat::test
