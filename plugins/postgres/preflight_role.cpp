#include <array>
#include <utility>

#include "plugins/postgres/preflight_view.hpp"

namespace leat::postgres {

namespace {

/// Managed services give REPLICATION through a role of theirs.
bool may_replicate(const preflight_view& view) {
  const auto rows =
      view.server().query("SELECT (SELECT rolreplication OR rolsuper FROM pg_catalog.pg_roles "
                          "WHERE rolname = current_user)"
                          " OR EXISTS (SELECT FROM pg_catalog.pg_roles"
                          "  WHERE rolname IN ('rds_replication', 'rds_superuser', "
                          "'cloudsqlsuperuser', 'azure_pg_admin',"
                          "   'alloydbsuperuser') AND pg_catalog.pg_has_role(oid, 'MEMBER'))");
  return rows.boolean(0, 0);
}

void check_replication_right(const preflight_view& view, std::vector<finding>& out) {
  if (may_replicate(view)) return;
  out.push_back(
      {severity::error, "", "role " + quote_identifier(view.role()) + " may not replicate",
       "role " + view.role(), "ALTER ROLE " + quote_identifier(view.role()) + " REPLICATION;"});
}

void check_password_age(const preflight_view& view, std::vector<finding>& out) {
  const auto rows = view.server().query(
      "SELECT rolvaliduntil FROM pg_catalog.pg_roles WHERE rolname = current_user"
      " AND rolvaliduntil < pg_catalog.now() + interval '7 days'");
  if (rows.rows() == 0) return;
  out.push_back({severity::warning, "", "the password is valid until " + rows.string(0, 0),
                 "role " + view.role(),
                 "ALTER ROLE " + quote_identifier(view.role()) + " VALID UNTIL 'infinity';"});
}

/// A pooler that drops startup options would change the text of values without an error.
void check_session(const preflight_view& view, std::vector<finding>& out) {
  static constexpr std::array<std::pair<const char*, const char*>, 14> pinned{{
      {"DateStyle", "ISO, MDY"},
      {"IntervalStyle", "postgres"},
      {"TimeZone", "UTC"},
      {"extra_float_digits", "1"},
      {"bytea_output", "hex"},
      {"client_encoding", "UTF8"},
      {"lc_monetary", "C"},
      {"row_security", "off"},
      {"statement_timeout", "0"},
      {"lock_timeout", "5s"},
      {"idle_in_transaction_session_timeout", "0"},
      {"idle_session_timeout", "0"},
      {"transaction_timeout", "0"},
      {"search_path", ""},
  }};
  for (const auto& [name, expected] : pinned) {
    const auto value = view.setting(name); // none: the server does not have it
    if (value && *value != expected)
      out.push_back({severity::error, "",
                     std::string(name) + " is " + *value + " in leat's sessions, not " + expected,
                     view.server().where(),
                     "connect to the server itself: a pooler in between drops session settings"});
  }
}

void check_replication_connection(const preflight_view& view, std::vector<finding>& out) {
  try {
    connection replication(view.request().connection, connection_use::replication);
    identify_server(replication);
  } catch (const server_error& failure) {
    if (failure.sqlstate() == "42501" && !may_replicate(view)) return;
    out.push_back({severity::error, "", failure.what(), failure.where(), failure.remedy()});
  }
}

constexpr std::array checks{
    preflight_check{"replication_right", "The role has REPLICATION.", check_replication_right},
    preflight_check{"password_age", "The role's password does not expire within a week.",
                    check_password_age},
    preflight_check{"session_settings", "Sessions have the settings that leat pins.",
                    check_session},
    preflight_check{"replication_connection", "A connection with replication=database is admitted.",
                    check_replication_connection},
};

} // namespace

std::span<const preflight_check> role_checks() { return checks; }

} // namespace leat::postgres
