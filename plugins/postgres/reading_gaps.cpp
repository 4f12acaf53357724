#include "plugins/postgres/reading_gaps.hpp"

namespace leat::postgres {

std::vector<reading_gap> reading_gaps(const catalog_table& table, const std::string& role) {
  using kind = reading_gap::kind;
  const auto who = quote_identifier(role);
  const auto& schema = table.schema->schema;
  const auto name = quote_name(schema, table.schema->name);
  std::vector<reading_gap> out;
  if (!table.can_use_schema)
    out.push_back({kind::schema, "role " + who + " may not use schema " + quote_identifier(schema),
                   "schema " + schema,
                   "GRANT USAGE ON SCHEMA " + quote_identifier(schema) + " TO " + who + ";"});
  if (!table.can_select)
    out.push_back({kind::table, "role " + who + " may not read the table", name,
                   "GRANT SELECT ON " + name + " TO " + who + ";"});
  if (table.row_security)
    out.push_back({kind::policies,
                   "row level security would hide rows of the table from the snapshot", name,
                   "ALTER ROLE " + who + " BYPASSRLS;"});
  return out;
}

} // namespace leat::postgres
