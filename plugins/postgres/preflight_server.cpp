#include <array>

#include "plugins/postgres/connect_failure.hpp"
#include "plugins/postgres/preflight_view.hpp"

namespace leat::postgres {

namespace {

constexpr int oldest_version = 130000, newest_tested = 190000;

void check_version(const preflight_view& view, std::vector<finding>& out) {
  const auto text = view.setting("server_version").value_or("");
  if (view.version() < oldest_version)
    out.push_back({severity::error, "", "PostgreSQL " + text + " is too old", view.server().where(),
                   "upgrade the server to PostgreSQL 13 or later"});
  else if (view.version() >= newest_tested)
    out.push_back({severity::warning, "", "leat was not tested with PostgreSQL " + text,
                   view.server().where(), "use a leat that names this version"});
}

void check_primary(const preflight_view& view, std::vector<finding>& out) {
  if (!view.server().query("SELECT pg_catalog.pg_is_in_recovery()").boolean(0, 0)) return;
  out.push_back(
      {severity::error, "",
       "the server is a standby, where a snapshot does not show which transactions it holds",
       view.server().where(), "give the primary's address in [source]"});
}

void check_wal_level(const preflight_view& view, std::vector<finding>& out) {
  const auto level = view.setting("wal_level").value_or("");
  if (level == "logical") return;
  out.push_back({severity::error, "", "wal_level is " + level + ", not logical", "wal_level",
                 "ALTER SYSTEM SET wal_level = 'logical'; then restart the server"});
}

/// A setting that only some may see, in the minor releases of August 2026 and later.
void check_output_plugin(const preflight_view& view, std::vector<finding>& out) {
  const auto* setting = "output_plugin_libraries";
  try {
    const auto allowed = view.setting(setting);
    if (!allowed || (", " + *allowed + ",").find(" pgoutput,") != std::string::npos) return;
    out.push_back({severity::error, "", "the server does not allow the output plugin pgoutput",
                   setting,
                   "ALTER SYSTEM SET output_plugin_libraries = "
                       + (allowed->empty() ? "pgoutput" : "pgoutput, " + *allowed)
                       + "; SELECT pg_reload_conf();"});
  } catch (const server_error& failure) {
    if (failure.sqlstate() != "42501") throw;
    out.push_back({severity::note, "",
                   "role " + quote_identifier(view.role())
                       + " may not see whether the server allows pgoutput",
                   setting,
                   "GRANT pg_read_all_settings TO " + quote_identifier(view.role()) + ";"});
  }
}

void check_free_slots(const preflight_view& view, std::vector<finding>& out) {
  if (view.slot()) return;
  const auto used = static_cast<std::int64_t>(
      view.server().query("SELECT count(*) FROM pg_catalog.pg_replication_slots").number(0, 0));
  const auto limit = view.number("max_replication_slots").value_or(0);
  if (used < limit) return;
  out.push_back({severity::error, "",
                 "all " + std::to_string(limit) + " replication slots are taken",
                 "max_replication_slots",
                 "drop a slot that nobody needs, or ALTER SYSTEM SET max_replication_slots = "
                     + std::to_string(limit + 5) + "; then restart the server"});
}

void check_free_senders(const preflight_view& view, std::vector<finding>& out) {
  // Ours is among those counted while a pipeline runs.
  if (view.slot() && view.slot()->active_pid != 0) return;
  const auto used = static_cast<std::int64_t>(
      view.server().query("SELECT count(*) FROM pg_catalog.pg_stat_replication").number(0, 0));
  const auto limit = view.number("max_wal_senders").value_or(0);
  if (used < limit) return;
  out.push_back({severity::error, "", "all " + std::to_string(limit) + " WAL senders are taken",
                 "max_wal_senders",
                 "ALTER SYSTEM SET max_wal_senders = " + std::to_string(limit + 5)
                     + "; then restart the server"});
}

void check_retention(const preflight_view& view, std::vector<finding>& out) {
  const auto megabytes = view.number("max_slot_wal_keep_size").value_or(-1);
  if (megabytes < 0)
    out.push_back(
        {severity::note, "",
         "the slot keeps WAL without limit while leat is down: the disk can fill",
         "max_slot_wal_keep_size",
         "watch pg_replication_slots, or ALTER SYSTEM SET max_slot_wal_keep_size = '100GB'; "
         "SELECT pg_reload_conf(); (beyond it the slot is lost)"});
  else
    out.push_back({megabytes < 1024 ? severity::warning : severity::note, "",
                   "the slot is lost when leat falls " + std::to_string(megabytes) + " MB behind",
                   "max_slot_wal_keep_size",
                   "ALTER SYSTEM SET max_slot_wal_keep_size = '100GB'; SELECT pg_reload_conf();"});
}

void check_idle_timeout(const preflight_view& view, std::vector<finding>& out) {
  const auto seconds = view.number("idle_replication_slot_timeout").value_or(0);
  if (seconds <= 0) return;
  out.push_back({severity::warning, "",
                 "the slot is lost when leat is down for " + std::to_string(seconds) + " s",
                 "idle_replication_slot_timeout",
                 "ALTER SYSTEM SET idle_replication_slot_timeout = 0; SELECT pg_reload_conf();"});
}

void check_sender_timeout(const preflight_view& view, std::vector<finding>& out) {
  const auto milliseconds = view.number("wal_sender_timeout").value_or(60000);
  const auto* remedy = "ALTER SYSTEM SET wal_sender_timeout = '60s'; SELECT pg_reload_conf();";
  if (milliseconds == 0)
    out.push_back({severity::warning, "",
                   "the server never gives up a lost connection, which keeps the slot in use",
                   "wal_sender_timeout", remedy});
  else if (milliseconds < 5000)
    out.push_back({severity::warning, "",
                   "the server drops a connection that is silent for "
                       + std::to_string(milliseconds) + " ms, which a busy network is",
                   "wal_sender_timeout", remedy});
}

void check_decoding_memory(const preflight_view& view, std::vector<finding>& out) {
  const auto kilobytes = view.number("logical_decoding_work_mem").value_or(65536);
  if (kilobytes >= 65536) return;
  out.push_back({severity::note, "",
                 "transactions larger than " + std::to_string(kilobytes)
                     + " kB are written to disk while they are decoded",
                 "logical_decoding_work_mem",
                 "ALTER SYSTEM SET logical_decoding_work_mem = '64MB'; SELECT pg_reload_conf();"});
}

void check_xid_age(const preflight_view& view, std::vector<finding>& out) {
  constexpr std::uint64_t near_wrap = 1'500'000'000;
  const auto age = view.server()
                       .query("SELECT pg_catalog.age(datfrozenxid) FROM pg_catalog.pg_database"
                              " WHERE datname = pg_catalog.current_database()")
                       .number(0, 0);
  if (age < near_wrap) return;
  out.push_back({severity::warning, "",
                 "the database is " + std::to_string(age)
                     + " transactions old, and a slot keeps vacuum from its catalogs",
                 "database " + view.database(), "VACUUM (FREEZE);"});
}

void check_failover(const preflight_view& view, std::vector<finding>& out) {
  const auto standbys = view.setting("synchronized_standby_slots");
  if (!standbys || !view.slot()) return;
  if (view.slot()->failover && standbys->empty())
    out.push_back(
        {severity::warning, "",
         "the slot survives a failover, but leat may have read what the new primary lacks",
         "synchronized_standby_slots",
         "ALTER SYSTEM SET synchronized_standby_slots = '<slots of the standbys>'; "
         "SELECT pg_reload_conf();"});
  else if (!view.slot()->failover && !standbys->empty())
    out.push_back({severity::note, "", "the slot does not survive a failover",
                   "slot " + view.slot_name(),
                   "on a replication connection: ALTER_REPLICATION_SLOT " + view.slot_name()
                       + " (FAILOVER true);"});
}

/// Any other encoding converts to UTF-8; of these bytes nobody knows what they are.
void check_encoding(const preflight_view& view, std::vector<finding>& out) {
  if (view.setting("server_encoding") != "SQL_ASCII") return;
  out.push_back(
      {severity::warning, "",
       "the database's encoding is SQL_ASCII: a value that is not UTF-8 ends the pipeline",
       "database " + view.database(), std::string(remedy_of_refusal("22021"))});
}

constexpr std::array checks{
    preflight_check{"version", "The server is PostgreSQL 13 or later.", check_version},
    preflight_check{"primary", "The server is not a standby.", check_primary},
    preflight_check{"wal_level", "The WAL holds what logical decoding needs.", check_wal_level},
    preflight_check{"output_plugin", "The server allows the output plugin pgoutput.",
                    check_output_plugin},
    preflight_check{"free_slots", "There is room for one more replication slot.", check_free_slots},
    preflight_check{"free_senders", "There is room for one more WAL sender.", check_free_senders},
    preflight_check{"retention", "How far leat may fall behind before its slot is lost.",
                    check_retention},
    preflight_check{"idle_timeout", "How long leat may be down before its slot is lost.",
                    check_idle_timeout},
    preflight_check{"sender_timeout", "Lost connections are noticed, and slow ones kept.",
                    check_sender_timeout},
    preflight_check{"decoding_memory", "Ordinary transactions are decoded in memory.",
                    check_decoding_memory},
    preflight_check{"xid_age", "The database is far from transaction id wraparound.",
                    check_xid_age},
    preflight_check{"encoding", "Every text of the database can be given as UTF-8.",
                    check_encoding},
    preflight_check{"failover", "What happens to the slot when a standby takes over.",
                    check_failover},
};

} // namespace

std::span<const preflight_check> server_checks() { return checks; }

} // namespace leat::postgres
