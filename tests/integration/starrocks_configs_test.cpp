#include <gmock/gmock.h>

#include <fstream>

#include "tests/integration/starrocks_pipeline_fixture.hpp"

// The files of configs/ that name StarRocks, run as they stand but for addresses and names of
// databases.

namespace leat::test {
namespace {

constexpr const char* ten_tables = R"(
CREATE TABLE customers (id bigint PRIMARY KEY, name text NOT NULL, email varchar(100), password_hash bytea, born date);
CREATE TABLE addresses (customer_id bigint REFERENCES customers, number int, street text, city text, PRIMARY KEY (customer_id, number));
CREATE TABLE products (id int PRIMARY KEY, name text NOT NULL, tags text[], attributes jsonb);
CREATE TABLE prices (product_id int, valid_from date, price numeric(12,4) NOT NULL, PRIMARY KEY (product_id, valid_from));
CREATE TABLE stock (product_id int PRIMARY KEY, pieces int NOT NULL, weight float8);
CREATE TABLE orders (id bigint PRIMARY KEY, customer_id bigint NOT NULL, state text NOT NULL, total numeric(12,2), placed_at timestamptz NOT NULL);
CREATE TABLE items (order_id bigint, line int, product_id int, quantity int NOT NULL, PRIMARY KEY (order_id, line));
CREATE TABLE payments (id uuid PRIMARY KEY, order_id bigint NOT NULL, amount numeric(12,2) NOT NULL, paid_at timestamp);
CREATE TABLE reviews (id bigint PRIMARY KEY, product_id int, stars smallint, words text);
CREATE TABLE events (id bigint PRIMARY KEY, customer_id bigint, kind text, detail jsonb, at timestamptz);
CREATE TABLE audit_log (id bigint PRIMARY KEY, what text);
INSERT INTO customers SELECT i, 'Customer ' || i, 'c' || i || '@example.com', '\x00ff', '2000-01-01' FROM generate_series(1, 20) i;
INSERT INTO addresses SELECT i, 1, 'Street ' || i, 'Мост' FROM generate_series(1, 20) i;
INSERT INTO products SELECT i, 'Product ' || i, ARRAY['a,b', NULL], '{"size": 1}' FROM generate_series(1, 10) i;
INSERT INTO prices SELECT i, '2024-01-01', i * 1.5 FROM generate_series(1, 10) i;
INSERT INTO stock VALUES (1, 5, 0.5), (2, 0, 'NaN'), (3, 1, 'infinity');
INSERT INTO orders SELECT i, 1 + i % 20, (ARRAY['new', 'paid', 'sent', 'done'])[1 + i % 4], i * 1.25, '2024-03-31 23:30:00+00' FROM generate_series(1, 40) i;
INSERT INTO items SELECT i, 1, 1, 2 FROM generate_series(1, 40) i;
INSERT INTO payments SELECT gen_random_uuid(), i, i * 1.25, '2024-04-01 10:00:00.5' FROM generate_series(1, 40, 2) i;
INSERT INTO reviews VALUES (1, 1, 5, E'good\n"very"');
INSERT INTO events SELECT i, i, 'view', '{"page": 1}', '2024-01-01 00:00:00+00' FROM generate_series(1, 30) i;
INSERT INTO audit_log VALUES (1, 'not for the warehouse');
)";

class StarrocksConfigs : public starrocks_pipeline {
 protected:
  StarrocksConfigs() { source(ten_tables); }

  /// `leat run --until caught-up` of the shipped file, over the test's servers.
  void run_shipped(const std::string& name) const {
    auto file = read_file(std::filesystem::path(LEAT_SOURCE_DIRECTORY) / "configs" / name);
    const auto replace = [&](const std::string& from, const std::string& to) {
      const auto at = file.find(from);
      ASSERT_NE(at, std::string::npos) << from << " is not in " << name;
      file.replace(at, from.size(), to);
    };
    const bool several = file.find("http      = [") != std::string::npos;
    replace("postgresql://leat@localhost:5432/shop", server().url(source_database));
    replace(several ? R"(["fe1:8030", "fe2:8030"])" : R"("fe1:8030")", listed(cluster().http));
    replace(several ? R"(["fe1:9030", "fe2:9030"])" : R"("fe1:9030")", listed(cluster().mysql));
    replace("user      = \"leat\"", "user      = \"" + cluster().user + "\"");
    replace("database  = \"shop\"", "database  = \"" + database_ + "\"");
    const auto path = directory() / name;
    std::ofstream(path) << file;
    process_options with_password;
    with_password.environment = {{"WAREHOUSE_PASSWORD", cluster().password}};
    process child({leat_program(), "run", path.string(), "--until", "caught-up"}, with_password);
    const auto until = std::chrono::steady_clock::now() + std::chrono::minutes(2);
    std::optional<exit_status> ended;
    // An idle source is caught up with later only.
    while (!(ended = child.wait(std::chrono::milliseconds(100)))
           && std::chrono::steady_clock::now() < until)
      source("SELECT pg_logical_emit_message(true, 'test', '')");
    ASSERT_TRUE(ended.has_value()) << child.err();
    EXPECT_EQ(ended->code, 0) << child.err();
  }

  std::string source_text(const std::string& sql) const {
    std::string all;
    for (const auto& r : source_rows(sql)) {
      if (!all.empty()) all += ' ';
      for (std::size_t i = 0; i < r.size(); ++i) all += (i ? "|" : "") + r[i].value_or("NULL");
    }
    return all;
  }
};

TEST_F(StarrocksConfigs, TenTablesComeThroughOneSlot) {
  run_shipped("starrocks.toml");
  source("UPDATE orders SET state = 'done' WHERE id < 5; DELETE FROM items WHERE order_id = 7; "
         "DELETE FROM events WHERE id = 1;"
         "UPDATE customers SET email = NULL WHERE id = 2");
  run_shipped("starrocks.toml");
  for (const auto& [table, columns] : std::vector<std::pair<std::string, std::string>>{
           {"addresses", "customer_id, number, street, city"},
           {"customers", "id, name, email, born"},
           {"items", "order_id, line, product_id, quantity"},
           {"payments", "id, order_id, amount"},
           {"prices", "product_id, valid_from, price"},
           {"products", "id, name"},
           {"reviews", "id, product_id, stars, words"}})
    EXPECT_EQ(rows_of(columns, table, "1, 2"),
              source_text("SELECT " + columns + " FROM " + table + " ORDER BY 1, 2"))
        << table;
  EXPECT_EQ(rows_of("product_id, pieces, weight", "stock", "product_id"),
            "1|5|0.5 2|0|NULL 3|1|1.7976931348623157e+308");
  EXPECT_EQ(rows_of("count(*) AS n", "orders", "n"), "40");
  EXPECT_EQ(rows_of("id, state, placed_on", "orders").substr(0, 17), "1|done|2024-03-31");
  // 30 rows of the snapshot, and one for the deletion.
  EXPECT_EQ(rows_of("count(*) AS n", "events_log", "n"), "31");
  EXPECT_TRUE(ask("SELECT column_name FROM information_schema.columns WHERE table_schema = '"
                  + database_ + "' AND column_name = 'password_hash'")
                  .empty());
  EXPECT_TRUE(ask("SELECT table_name FROM information_schema.tables WHERE table_schema = '"
                  + database_ + "' AND table_name = 'audit_log'")
                  .empty());
  EXPECT_EQ(server().value("SELECT count(*) FROM pg_replication_slots"), "1");
}

TEST_F(StarrocksConfigs, OneTableIsSplitIntoTwo) {
  const auto compare = [&] {
    EXPECT_EQ(rows_of("id, customer_id, state, cents", "orders_open"),
              source_text("SELECT id, customer_id, state, (total * 100)::bigint FROM orders WHERE "
                          "state IN ('new', "
                          "'paid') ORDER BY id"));
    EXPECT_EQ(rows_of("id, customer, cents, month", "orders_closed"),
              source_text("SELECT id, 'C' || lpad(customer_id::text, 8, '0'), (coalesce(total, 0) "
                          "* 100)::bigint, "
                          "date_trunc('month', placed_at AT TIME ZONE 'UTC')::date FROM orders "
                          "WHERE state NOT IN "
                          "('new', 'paid') ORDER BY id"));
  };
  run_shipped("starrocks_fan_out.toml");
  compare();
  source("UPDATE orders SET state = 'done', total = NULL WHERE state = 'paid'; UPDATE orders SET "
         "state = 'new' WHERE id = 2;"
         "DELETE FROM orders WHERE id = 3");
  run_shipped("starrocks_fan_out.toml");
  compare();
}

} // namespace
} // namespace leat::test
