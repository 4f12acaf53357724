#include "plugins/postgres/slot.hpp"

namespace leat::postgres {

namespace {

wal_lsn lsn_of(const result& rows, int row, int column) {
  return wal_lsn{parse_lsn(rows.text(row, column)).value_or(0)};
}

/// Columns of pg_replication_slots that came with a version, or a stand-in.
std::string slot_query(int version) {
  const auto since = [version](int first, const char* column, const char* stand_in) {
    return std::string(", ") + (version >= first ? column : stand_in);
  };
  // 16 says only that a slot conflicts with recovery, 17 gives every reason a name.
  const char* reason = version >= 170000   ? ", s.invalidation_reason"
                       : version >= 160000 ? ", CASE WHEN s.conflicting THEN 'conflict' END"
                                           : ", NULL";
  return "SELECT s.slot_type = 'logical', coalesce(s.plugin, ''), coalesce(s.database, ''),"
         " s.temporary, coalesce(s.active_pid, 0), coalesce(a.application_name, ''),"
         " s.restart_lsn, s.confirmed_flush_lsn, coalesce(s.wal_status, ''), s.safe_wal_size,"
         " coalesce(pg_catalog.age(s.catalog_xmin), 0)"
         + since(140000, "s.two_phase", "false") + since(170000, "s.failover", "false")
         + since(170000, "s.synced", "false") + reason
         + " FROM pg_catalog.pg_replication_slots s"
           " LEFT JOIN pg_catalog.pg_stat_activity a ON a.pid = s.active_pid"
           " WHERE s.slot_name = $1";
}

std::string drop_statement(const std::string& name) {
  return "SELECT pg_drop_replication_slot(" + quote_literal(name) + ")";
}

} // namespace

server_identity identify_server(connection& replication) {
  const auto rows = replication.query("IDENTIFY_SYSTEM");
  const auto recovery = replication.query("SELECT pg_catalog.pg_is_in_recovery()");
  return {rows.number(0, 0), static_cast<std::uint32_t>(rows.number(0, 1)), lsn_of(rows, 0, 2),
          recovery.boolean(0, 0)};
}

std::optional<slot_state> read_slot(connection& server, const std::string& name) {
  const auto rows = server.query(slot_query(server.server_version()), {name});
  if (rows.rows() == 0) return std::nullopt;
  slot_state state;
  state.logical = rows.boolean(0, 0);
  state.plugin = rows.string(0, 1);
  state.database = rows.string(0, 2);
  state.temporary = rows.boolean(0, 3);
  state.active_pid = static_cast<std::int32_t>(rows.number(0, 4));
  state.holder = rows.string(0, 5);
  state.restart = lsn_of(rows, 0, 6);
  state.confirmed = lsn_of(rows, 0, 7);
  state.wal_status = rows.string(0, 8);
  if (!rows.is_null(0, 9)) state.safe_wal_size = std::stoll(rows.string(0, 9));
  state.catalog_age = rows.number(0, 10);
  state.two_phase = rows.boolean(0, 11);
  state.failover = rows.boolean(0, 12);
  state.synced = rows.boolean(0, 13);
  state.invalidation = rows.string(0, 14);
  return state;
}

slot_hold check_slot(const slot_state& state, const slot_expectation& expected) {
  const auto refuse = [&](const std::string& what, const std::string& remedy) {
    throw error(error_kind::source,
                "replication slot " + quote_identifier(expected.name) + " " + what,
                "database " + expected.database, remedy);
  };
  const auto another_name = "give `slot` in [source] another name, or, if nobody needs the slot: "
                            + drop_statement(expected.name) + ";";
  if (!state.logical) refuse("is physical", another_name);
  if (state.plugin != "pgoutput") refuse("uses the output plugin " + state.plugin, another_name);
  if (state.database != expected.database)
    refuse("belongs to database " + quote_identifier(state.database), another_name);
  if (state.temporary) refuse("is temporary: it ends with the session that made it", another_name);
  if (state.two_phase)
    refuse("was made or started with two_phase, which it keeps for ever", another_name);
  if (state.synced)
    refuse("is a standby's copy of a slot of the primary",
           "give the primary's address in [source]");
  if (state.wal_status == "lost" || !state.invalidation.empty())
    refuse(
        "is lost" + (state.invalidation.empty() ? "" : " (" + state.invalidation + ")")
            + ": the server has removed WAL that leat has not read",
        "`leat drop`, empty the target's tables, run; raise max_slot_wal_keep_size so that it does "
        "not happen again");
  if (state.active_pid == 0) return slot_hold::free;
  const bool ours = !expected.application.empty() && state.holder == expected.application;
  return ours ? slot_hold::held_by_us : slot_hold::held_by_other;
}

error slot_in_use(const slot_state& state, const slot_expectation& expected) {
  const auto holder = state.holder.empty() ? std::string() : ", " + quote_literal(state.holder);
  return {error_kind::source,
          "replication slot " + quote_identifier(expected.name) + " is in use by process "
              + std::to_string(state.active_pid) + holder,
          "database " + expected.database,
          "stop that consumer, or SELECT pg_terminate_backend(" + std::to_string(state.active_pid)
              + "); or give `slot` in [source] another name"};
}

constexpr std::string_view all_slots_taken = "53400";

created_slot create_slot(connection& replication, const std::string& name) {
  const bool options_in_parentheses = replication.server_version() >= 150000;
  bool made_slot = false;
  replication.query("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY");
  try {
    const auto made =
        replication.query("CREATE_REPLICATION_SLOT " + quote_identifier(name) + " LOGICAL pgoutput "
                          + (options_in_parentheses ? "(SNAPSHOT 'use')" : "USE_SNAPSHOT"));
    made_slot = true;
    const auto snapshot = replication.query("SELECT pg_catalog.pg_current_snapshot()");
    const auto seen = parse_xid_snapshot(snapshot.text(0, 0));
    if (!seen)
      throw error(error_kind::bug, "cannot read the snapshot " + snapshot.string(0, 0),
                  replication.where(), "");
    replication.query("COMMIT");
    return {lsn_of(made, 0, 1), *seen};
  } catch (const server_error& failure) {
    if (failure.sqlstate().empty()) throw;
    replication.query("ROLLBACK");
    if (made_slot) replication.query("DROP_REPLICATION_SLOT " + quote_identifier(name));
    // A walsender that reads its configuration anew while it waits may take a snapshot too early.
    if (std::string_view(failure.what()).find("initial slot snapshot") != std::string_view::npos)
      throw error(error_kind::source, failure.what(), failure.where(), "", error_retry::transient);
    if (failure.sqlstate() == all_slots_taken)
      throw error(error_kind::source, failure.what(), failure.where(),
                  "drop a slot that nobody needs (pg_replication_slots lists them), or raise "
                  "max_replication_slots and restart the server");
    throw;
  }
}

bool drop_slot(connection& server, const std::string& name) {
  const auto rows = server.query("SELECT pg_catalog.pg_drop_replication_slot(slot_name)"
                                 " FROM pg_catalog.pg_replication_slots WHERE slot_name = $1",
                                 {name});
  return rows.rows() == 1;
}

} // namespace leat::postgres
