#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "plugins/postgres/target_sink.hpp"
#include "tests/support/caught_error.hpp"
#include "tests/support/pg_server.hpp"
#include "tests/support/row_lines.hpp"
#include "tests/support/sink_driver.hpp"

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

inline route_ptr plain(const schema_ptr& schema) { return share(route_of(schema)); }

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
  /// A sink on what is there, as after a crash.
  static sink_driver open(const sink_options& o) {
    return sink_driver(postgres::make_target_sink("shop", o));
  }
  sink_driver open(const route_ptr& r) const {
    auto sink = open(options());
    sink.attach(r);
    return sink;
  }

  void execute(const std::string& sql) const { server().execute(sql, database_); }
  std::string value_of(const std::string& sql) const { return server().value(sql, database_); }
  /// Rows as lines "a|b|NULL", joined by spaces.
  std::string rows_of(const std::string& sql) const {
    return lines_of(server().query(sql, database_));
  }

  std::string database_ = "postgres";
};

} // namespace leat::test
