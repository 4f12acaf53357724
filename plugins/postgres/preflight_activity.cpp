#include <array>

#include "plugins/postgres/preflight_view.hpp"

namespace leat::postgres {

namespace {

/// Creating a slot, and the fence of a snapshot, wait for what runs.
void check_long_transactions(const preflight_view& view, std::vector<finding>& out) {
  const auto rows = view.server().query(
      "SELECT pid, usename, pg_catalog.date_part('epoch', pg_catalog.now() - xact_start)::bigint"
      " FROM pg_catalog.pg_stat_activity WHERE backend_xid IS NOT NULL"
      " AND xact_start < pg_catalog.now() - pg_catalog.make_interval(secs => $1)"
      " ORDER BY xact_start LIMIT 5",
      {std::to_string(view.request().patience.count())});
  for (int i = 0; i < rows.rows(); ++i)
    out.push_back({severity::warning, "",
                   "a transaction has been open for " + rows.string(i, 2)
                       + " s; a new slot and a new snapshot wait for it",
                   "process " + rows.string(i, 0) + " of role " + rows.string(i, 1),
                   "end it, or SELECT pg_terminate_backend(" + rows.string(i, 0) + ");"});
}

/// Without the right, xact_start and wait_event of other roles read as NULL.
void check_sight(const preflight_view& view, std::vector<finding>& out) {
  if (view.server()
          .query("SELECT pg_catalog.pg_has_role('pg_read_all_stats', 'USAGE')")
          .boolean(0, 0))
    return;
  out.push_back({severity::note, "",
                 "role " + quote_identifier(view.role())
                     + " may not see how long other roles' transactions have been open",
                 "role " + view.role(),
                 "GRANT pg_read_all_stats TO " + quote_identifier(view.role()) + ";"});
}

void check_prepared(const preflight_view& view, std::vector<finding>& out) {
  const auto rows = view.server().query(
      "SELECT gid, owner FROM pg_catalog.pg_prepared_xacts ORDER BY prepared LIMIT 5");
  for (int i = 0; i < rows.rows(); ++i) {
    const auto gid = quote_literal(rows.text(i, 0));
    out.push_back({severity::warning, "",
                   "a prepared transaction is open; a new slot and a new snapshot wait for it",
                   "prepared transaction " + gid + " of role " + rows.string(i, 1),
                   "COMMIT PREPARED " + gid + "; or ROLLBACK PREPARED " + gid + ";"});
  }
}

void check_synchronous(const preflight_view& view, std::vector<finding>& out) {
  const auto standbys = view.setting("synchronous_standby_names").value_or("");
  if (standbys.empty()) return;
  out.push_back({severity::note, "",
                 "commits wait for " + standbys
                     + ": leat may show a transaction before other sessions of the source see it",
                 "synchronous_standby_names", ""});
  const auto rows = view.server().query("SELECT pid FROM pg_catalog.pg_stat_activity"
                                        " WHERE wait_event = 'SyncRep' ORDER BY pid LIMIT 5");
  for (int i = 0; i < rows.rows(); ++i)
    out.push_back({severity::warning, "",
                   "a commit waits for a synchronous standby, and a new snapshot for that commit",
                   "process " + rows.string(i, 0),
                   "start the standby, or ALTER SYSTEM SET synchronous_standby_names = ''; SELECT "
                   "pg_reload_conf();"});
}

constexpr std::array checks{
    preflight_check{"sight", "The role may see what other sessions do.", check_sight},
    preflight_check{"long_transactions", "No transaction that writes is older than a minute.",
                    check_long_transactions},
    preflight_check{"prepared_transactions", "No prepared transaction is left open.",
                    check_prepared},
    preflight_check{"synchronous_commit", "No commit hangs in synchronous replication.",
                    check_synchronous},
};

} // namespace

std::span<const preflight_check> activity_checks() { return checks; }

} // namespace leat::postgres
