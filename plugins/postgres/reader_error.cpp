#include "plugins/postgres/reader_error.hpp"

#include <libpq-fe.h>

#include <cstdlib>

#include "plugins/postgres/snapshot_predicates.hpp"

namespace leat::postgres {

namespace {

std::string place(const connection& c, const std::string& table) {
  return c.where() + ", table " + table;
}

/// Names come from the stream; PostgreSQL checks USAGE on the schema before SELECT on the table.
std::string missing_grant(connection& c, const table_schema& table) {
  const auto role = quote_identifier(PQuser(c.raw()));
  const auto schema = c.query("SELECT has_schema_privilege(oid, 'USAGE') FROM pg_namespace "
                              "WHERE nspname = "
                              + quote_literal(table.schema));
  std::string grants;
  if (schema.rows() > 0 && !schema.boolean(0, 0))
    grants = "GRANT USAGE ON SCHEMA " + quote_identifier(table.schema) + " TO " + role + "; ";
  return grants + "GRANT SELECT ON TABLE " + quote_name(table.schema, table.name) + " TO " + role;
}

bool too_large_for_a_message(const server_error& e) {
  return e.sqlstate() == "54000"
         || std::string_view(e.what()).find("invalid memory alloc request size")
                != std::string_view::npos;
}

} // namespace

void throw_explained(connection& c, const server_error& e, const table_schema& table, bool filtered,
                     std::chrono::milliseconds lock_timeout) {
  const auto name = quote_name(table.schema, table.name);
  const auto rethrow = [&](std::string what, std::string remedy, error_retry retry) {
    throw server_error(error_kind::source, e.sqlstate(), std::move(what), place(c, name),
                       std::move(remedy), retry);
  };
  const auto retry = e.transient() ? error_retry::transient : error_retry::permanent;
  if (e.sqlstate() == "42501") rethrow(e.what(), missing_grant(c, table), error_retry::permanent);
  if (e.sqlstate() == "55P03")
    rethrow("waiting for lock on " + name + ": not granted within "
                + std::to_string(lock_timeout.count()) + " ms",
            "end the transaction that holds it: SELECT pid, mode FROM pg_locks WHERE relation = "
                + std::to_string(table.id),
            error_retry::transient);
  if (too_large_for_a_message(e))
    rethrow("a row of " + name
                + " is larger than PostgreSQL can send in one piece (1 GB): " + e.what(),
            "leave the row out with [source.snapshot.where], or the wide column with a column list "
            "of the publication",
            error_retry::permanent);
  if (filtered && refuses_predicate(e.sqlstate()))
    rethrow(e.what(),
            "correct " + predicate_key(table.qualified_name())
                + ", or take it out: its predicate cannot be computed for a row",
            error_retry::permanent);
  rethrow(e.what(), e.remedy(), retry);
  std::abort();
}

void throw_rows_hidden(const connection& c, const locked_table& table) {
  const auto name = quote_name(table.schema, table.name);
  throw error(error_kind::source, "row level security hides rows of " + name + " from this role",
              place(c, name), "ALTER ROLE <role of the source> BYPASSRLS");
}

} // namespace leat::postgres
