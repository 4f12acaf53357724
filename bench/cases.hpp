#pragma once

#include "bench/harness.hpp"
#include "bench/report.hpp"

namespace leat::bench {

/// Each runs on servers of its own and adds its figures to the report.
void stream_to_blackhole(const settings&, report&);
void snapshot_to_blackhole(const settings&, report&);
void into_sqlite(const settings&, report&);
void into_postgres(const settings&, report&);
void latency(const settings&, report&);
void into_starrocks(const settings&, report&);
void starrocks_latency(const settings&, report&);

/// (id bigint key, customer int, amount numeric, state text, note text, at timestamptz): about
/// 100 bytes a row in COPY text.
void make_table(const test::pg_server&, const std::string& name, std::size_t rows);
/// `rows` inserts with keys from 2 on; `note_bytes` widens each.
void insert_rows(const test::pg_server&, const std::string& table, std::size_t rows,
                 std::size_t rows_each, std::size_t note_bytes);
/// One-row updates of keys 1 to `keys`, each key as often as the others, `rows_each` a transaction.
void update_rows(const test::pg_server&, const std::string& table, std::size_t rows,
                 std::size_t rows_each, std::size_t keys);
/// Ends a backlog: gives an LSN that is behind all before, and lets one more transaction follow it.
std::string end_of_backlog(const test::pg_server&, const std::string& table);

} // namespace leat::bench
