#include "plugins/postgres/preflight_view.hpp"

namespace leat::postgres {

preflight_view::preflight_view(connection& server, const preflight_request& request)
    : server_(server), request_(request) {
  const auto session = server.query("SELECT current_user, pg_catalog.current_database()");
  role_ = session.string(0, 0);
  database_ = session.string(0, 1);
  publication_ = read_publication(server, request.publication);
  for (auto& table :
       list_tables(server, type_catalog::load(server), view_of(publication_, request.publication)))
    if (request.wants(table.schema->schema, table.schema->name))
      tables_.push_back(std::move(table));
  slot_ = read_slot(server, request.slot);
}

std::optional<std::string> preflight_view::setting(const std::string& name) const {
  const auto rows = server_.query("SELECT pg_catalog.current_setting($1, true)", {name});
  if (rows.is_null(0, 0)) return std::nullopt;
  return rows.string(0, 0);
}

std::optional<std::int64_t> preflight_view::number(const std::string& name) const {
  const auto rows =
      server_.query("SELECT setting FROM pg_catalog.pg_settings WHERE name = $1", {name});
  if (rows.rows() == 0) return std::nullopt;
  return std::stoll(rows.string(0, 0));
}

std::string quoted_name(const catalog_table& table) {
  return quote_name(table.schema->schema, table.schema->name);
}

} // namespace leat::postgres
