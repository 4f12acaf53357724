#include "plugins/postgres/xid_fence.hpp"

namespace leat::postgres {

std::uint64_t next_full_xid(connection& server) {
  // age() counts from the next xid when the transaction has none. It is signed, so it wraps with
  // the xid. The statement's snapshot is older than that reading, so its xmax is never above it.
  const auto rows =
      server.query("SELECT pg_catalog.pg_snapshot_xmax(pg_catalog.pg_current_snapshot()),"
                   " (3 + pg_catalog.age('3'::pg_catalog.xid)::bigint) & 4294967295");
  const auto xmax = rows.number(0, 0);
  const auto next = static_cast<std::uint32_t>(rows.number(0, 1));
  return xmax + static_cast<std::uint32_t>(next - static_cast<std::uint32_t>(xmax));
}

std::vector<std::string> holders_below(connection& server, std::uint64_t xid) {
  // Every running xid is a lock of its transaction, which everybody may see; pg_stat_activity shows
  // xids of other roles only to some. A transaction has one such lock per subtransaction.
  const auto rows = server.query(
      "SELECT l.pid, p.gid, coalesce(a.usename, p.owner), coalesce(a.application_name, '')"
      " FROM (SELECT pid, CASE WHEN pid IS NULL THEN transactionid END AS prepared,"
      "  pg_catalog.max(pg_catalog.age(transactionid)) AS age FROM pg_catalog.pg_locks"
      "  WHERE locktype = 'transactionid' AND granted AND mode = 'ExclusiveLock'"
      "  AND pg_catalog.age(transactionid) > pg_catalog.age($1::pg_catalog.xid)"
      "  GROUP BY 1, 2) l"
      " LEFT JOIN pg_catalog.pg_stat_activity a ON a.pid = l.pid"
      " LEFT JOIN pg_catalog.pg_prepared_xacts p ON p.transaction = l.prepared"
      " WHERE l.pid IS NOT NULL OR p.gid IS NOT NULL ORDER BY l.age DESC LIMIT 10",
      {std::to_string(static_cast<std::uint32_t>(xid))});
  std::vector<std::string> holders;
  for (int i = 0; i < rows.rows(); ++i) {
    const auto role = " of role " + quote_identifier(rows.text(i, 2));
    if (!rows.is_null(i, 1))
      holders.push_back("prepared transaction " + quote_literal(rows.text(i, 1)) + role);
    else
      holders.push_back("process " + rows.string(i, 0) + role
                        + (rows.text(i, 3).empty() ? "" : " (" + rows.string(i, 3) + ")"));
  }
  return holders;
}

} // namespace leat::postgres
