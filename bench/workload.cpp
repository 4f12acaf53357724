#include "bench/cases.hpp"

namespace leat::bench {

namespace {

/// Transactions of a session that need not wait for the disk: a backlog is made, not measured.
void in_transactions(const test::pg_server& server, std::size_t rows, std::size_t rows_each,
                     const std::string& statement) {
  auto session = server.session();
  session.execute("SET synchronous_commit = off");
  session.execute("DO $$ DECLARE done bigint := 0; BEGIN WHILE done < " + std::to_string(rows)
                  + " LOOP " + statement + "; COMMIT; done := done + " + std::to_string(rows_each)
                  + "; END LOOP; END $$");
}

} // namespace

void make_table(const test::pg_server& server, const std::string& name, std::size_t rows) {
  auto session = server.session();
  session.execute("CREATE TABLE " + name
                  + " (id bigint PRIMARY KEY, customer int, amount numeric(12,2), state text, note "
                    "text, at timestamptz)");
  session.execute("INSERT INTO " + name
                  + " SELECT i, i % 9973, i / 100.0, 'open', md5(i::text), timestamptz "
                    "'2024-01-01 00:00+00' + i * interval '1 s' FROM generate_series(1, "
                  + std::to_string(rows) + ") i");
  session.execute("VACUUM ANALYZE " + name);
}

void insert_rows(const test::pg_server& server, const std::string& table, std::size_t rows,
                 std::size_t rows_each, std::size_t note_bytes) {
  in_transactions(server, rows, rows_each,
                  "INSERT INTO " + table
                      + " SELECT 1 + done + i, i % 9973, i / 100.0, 'open', repeat('n', "
                      + std::to_string(note_bytes)
                      + "), timestamptz '2024-01-01 00:00+00' + i * interval '1 s' FROM "
                        "generate_series(1, "
                      + std::to_string(rows_each) + ") i");
}

void update_rows(const test::pg_server& server, const std::string& table, std::size_t rows,
                 std::size_t rows_each, std::size_t keys) {
  // A prime step visits every key before any comes again, in no order that a cache would like.
  in_transactions(server, rows, rows_each,
                  "UPDATE " + table
                      + " SET amount = done / 100.0, state = 'paid' WHERE id IN "
                        "(SELECT 1 + (done + i) * 7919 % "
                      + std::to_string(keys) + " FROM generate_series(0, "
                      + std::to_string(rows_each - 1) + ") i)");
}

std::string end_of_backlog(const test::pg_server& server, const std::string& table) {
  const auto lsn = server.value("SELECT pg_current_wal_insert_lsn()");
  server.execute("UPDATE " + table + " SET state = 'last' WHERE id = 1");
  server.execute("CHECKPOINT");
  return lsn;
}

} // namespace leat::bench
