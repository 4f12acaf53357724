#include "plugins/postgres/preflight.hpp"

#include "plugins/postgres/preflight_view.hpp"

namespace leat::postgres {

namespace {

/// The first of all checks: the others need what it makes.
constexpr preflight_check connection_check{
    "connection", "The server answers and lets the role log in to the database.", nullptr};

finding cannot_connect(const server_error& failure) {
  finding f{severity::error, "", failure.what(), failure.where(), failure.remedy()};
  f.check = connection_check.name;
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
  request.wants = std::move(wants);
  request.predicates = {file.source.where, file.path.string()};
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
