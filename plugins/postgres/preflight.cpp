#include "plugins/postgres/preflight.hpp"

#include "plugins/postgres/preflight_view.hpp"

namespace leat::postgres {

namespace {

/// The first of all checks: the others need what it makes.
constexpr preflight_check connection_check{
    "connection", "The server answers and lets the role log in to the database.", nullptr};

/// The part of a text between two others; empty when they are not there.
std::string between(std::string_view text, std::string_view before, std::string_view after) {
  const auto start = text.find(before);
  if (start == std::string_view::npos) return {};
  const auto end = text.find(after, start + before.size());
  if (end == std::string_view::npos) return {};
  return std::string(text.substr(start + before.size(), end - start - before.size()));
}

/// The refusal names client, role and database as the server sees them; the pipeline file may have
/// left them to libpq. A line for `replication` would not admit logical connections, one for the
/// database does.
std::string hba_line(std::string_view message) {
  const auto address = between(message, "for host \"", "\"");
  const auto who = quote_identifier(between(message, ", database \"", "\"")) + " "
                   + quote_identifier(between(message, ", user \"", "\", database"));
  const bool ipv6 = address.find(':') != std::string::npos;
  const auto line = address == "[local]" ? "local " + who
                                         : "host " + who + " " + address + (ipv6 ? "/128" : "/32");
  return "add a line to pg_hba.conf: " + line + " scram-sha-256; then SELECT pg_reload_conf();";
}

finding cannot_connect(const server_error& failure) {
  finding f{severity::error, "", failure.what(), failure.where(), failure.remedy()};
  f.check = connection_check.name;
  const std::string_view what = failure.what();
  const auto contains = [what](std::string_view part) { return what.find(part) != what.npos; };
  if (contains("is not permitted to log in"))
    f.remedy = "ALTER ROLE " + quote_identifier(between(what, "role \"", "\" is not permitted"))
               + " LOGIN;";
  else if (contains("no pg_hba.conf entry") || contains("pg_hba.conf rejects"))
    f.remedy = hba_line(what);
  else if (contains("permission denied for database"))
    f.remedy = "GRANT CONNECT ON DATABASE "
               + quote_identifier(between(what, "for database \"", "\"")) + " TO "
               + quote_identifier(between(failure.where(), "postgresql://", "@")) + ";";
  else if (f.remedy.empty())
    f.remedy = "check host and port in [source], and that the server runs and listens there";
  return f;
}

/// A check that the server refuses to answer says so: silence would read as a pass.
void run_check(const preflight_check& check, const preflight_view& view,
               std::vector<finding>& findings) {
  const auto before = findings.size();
  try {
    check.run(view, findings);
  } catch (const server_error& failure) {
    if (failure.sqlstate().empty()) throw;
    findings.push_back({severity::warning, "",
                        "could not be looked at: " + std::string(failure.what()), failure.where(),
                        failure.remedy()});
  }
  for (auto i = before; i < findings.size(); ++i) findings[i].check = check.name;
}

std::vector<preflight_check> all_checks() {
  std::vector<preflight_check> all{connection_check};
  for (const auto list : {server_checks(), role_checks(), table_checks(), publication_checks(),
                          slot_checks(), activity_checks()})
    all.insert(all.end(), list.begin(), list.end());
  return all;
}

} // namespace

preflight_request make_request(const pipeline_file& file,
                               std::function<bool(std::string_view, std::string_view)> wants) {
  preflight_request request;
  request.connection = file.source.connection;
  request.slot = file.source.slot;
  request.publication = file.source.publication;
  request.reads_tables = file.source.mode != snapshot_mode::never;
  request.wants = std::move(wants);
  return request;
}

std::span<const preflight_check> preflight_checks() {
  static const auto all = all_checks();
  return all;
}

std::vector<finding> preflight(const preflight_request& request) {
  std::vector<finding> findings;
  try {
    connection server(request.connection, connection_use::query);
    server.query("SET default_transaction_read_only = on");
    const preflight_view view(server, request);
    for (const auto& check : preflight_checks())
      if (check.run != nullptr) run_check(check, view, findings);
  } catch (const server_error& failure) {
    findings.push_back(cannot_connect(failure));
  }
  return findings;
}

} // namespace leat::postgres
