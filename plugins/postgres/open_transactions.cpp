#include "plugins/postgres/open_transactions.hpp"

namespace leat::postgres {

namespace {

/// Every transaction holds a lock on its xid, which all roles may see; the age of an xid orders it
/// among those of its epoch.
constexpr const char* query =
    "SELECT l.pid, a.usename,"
    " pg_catalog.date_part('epoch', pg_catalog.clock_timestamp() - a.xact_start)::int8,"
    " a.wait_event = 'SyncRep', p.gid, p.owner"
    " FROM pg_catalog.pg_locks l"
    " LEFT JOIN pg_catalog.pg_stat_activity a ON a.pid = l.pid"
    " LEFT JOIN pg_catalog.pg_prepared_xacts p"
    " ON l.pid IS NULL AND p.transaction = l.transactionid"
    " WHERE l.locktype = 'transactionid' AND l.mode = 'ExclusiveLock' AND l.granted"
    " AND ($1::int8 IS NULL OR pg_catalog.age(l.transactionid)"
    " > pg_catalog.age(($1::int8 & 4294967295)::text::xid))"
    " GROUP BY 1, 2, 3, 4, 5, 6 ORDER BY pg_catalog.max(pg_catalog.age(l.transactionid)) DESC"
    " LIMIT 4";

std::string name_of(const result& r, int row) {
  if (!r.is_null(row, 4))
    return "prepared transaction " + quote_literal(r.text(row, 4)) + " of role " + r.string(row, 5);
  auto name = "process " + r.string(row, 0);
  if (!r.is_null(row, 1)) name += " of role " + r.string(row, 1);
  if (!r.is_null(row, 2)) name += ", open for " + r.string(row, 2) + " s";
  if (r.boolean(row, 3)) name += ", whose commit waits for a synchronous standby";
  return name;
}

} // namespace

std::vector<std::string> open_transactions(connection& c, std::optional<std::uint64_t> before) {
  const auto rows = c.query(
      query, {before ? std::optional(std::to_string(*before)) : std::optional<std::string>()});
  std::vector<std::string> out;
  for (int i = 0; i < rows.rows(); ++i) out.push_back(name_of(rows, i));
  return out;
}

} // namespace leat::postgres
