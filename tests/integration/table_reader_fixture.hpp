#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <string>
#include <thread>
#include <utility>

#include "plugins/postgres/table_reader.hpp"
#include "tests/support/pg_server.hpp"

namespace leat::postgres {

/// One server for all tests of table readers; each test has a database of its own.
inline test::pg_server& server() {
  static test::pg_server only({.settings = {{"autovacuum", "off"}}, .tcp = true, .tls = true});
  return only;
}

/// Bytes of an encrypted connection pass through libpq, others do not (wire_rows).
enum class way { plain, encrypted };

inline chunk_bounds whole() { return {.number = 1, .lower = {}, .upper = {}}; }

class TableReader : public testing::Test {
 protected:
  void SetUp() override { server().create_database("shop"); }

  void execute(const std::string& sql) { server().execute(sql, "shop"); }
  std::string value(const std::string& sql) { return server().value(sql, "shop"); }

  std::unique_ptr<table_reader> reader(snapshot_options options = {},
                                       const std::string& role = "") {
    auto parameters = server().parameters("shop");
    if (way_ == way::encrypted) {
      parameters["host"] = "127.0.0.1";
      parameters["sslmode"] = "require";
    }
    if (!role.empty()) parameters["user"] = role;
    return make_table_reader(parameters, std::move(options));
  }

  /// Reads t, which waits for an ALTER TYPE that commits meanwhile.
  chunk_result read_while_v_becomes_bigint(table_reader& r, const table_schema& t,
                                           std::uint64_t storage) {
    auto ddl = server().session("shop");
    ddl.execute("BEGIN; ALTER TABLE t ALTER v TYPE bigint");
    chunk_result chunk;
    std::thread waiting([&] { chunk = r.read(t, whole(), storage); });
    while (value("SELECT count(*) FROM pg_locks WHERE NOT granted") == "0")
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    ddl.execute("COMMIT");
    waiting.join();
    return chunk;
  }

  /// The table as the catalog has it now; `name` as SQL writes it.
  table_schema describe(std::string name) {
    if (name.starts_with("ONLY ")) name.erase(0, 5);
    const auto id = value("SELECT " + quote_literal(name) + "::regclass::oid");
    const auto schema = reader()->describe(static_cast<oid>(std::stoul(id))).schema;
    EXPECT_TRUE(schema) << name;
    return *schema;
  }

  way way_ = way::plain;
};

/// Of the first row.
inline std::string cell_text(const chunk_result& chunk, std::size_t column) {
  const auto& b = *chunk.rows.batches.at(0);
  const auto c = b.new_row(b.changes.at(0))[column];
  return c.is_null() ? "NULL" : std::string(b.text(c));
}

} // namespace leat::postgres
