#include "dataflow/catalog_news.hpp"

#include <algorithm>
#include <set>

#include "dataflow/pipeline_file.hpp"
#include "dataflow/table_pattern.hpp"

namespace leat {

std::map<oid, table_fate> gone_tables(const std::map<oid, schema_ptr>& captured,
                                      const std::vector<source_table>& now) {
  std::set<oid> there;
  std::set<std::string> names;
  for (const auto& t : now) {
    there.insert(t.schema->id);
    names.insert(t.schema->qualified_name());
  }
  std::map<oid, table_fate> gone;
  for (const auto& [id, schema] : captured) {
    if (there.contains(id)) continue;
    const bool again = names.contains(schema->qualified_name());
    gone[id] = again ? table_fate::made_again : table_fate::dropped;
  }
  return gone;
}

std::vector<source_table> new_tables(const std::map<oid, schema_ptr>& captured,
                                     const std::vector<source_table>& now,
                                     const std::function<bool(const table_schema&)>& takes) {
  std::set<std::string> names;
  for (const auto& [id, schema] : captured) names.insert(schema->qualified_name());
  std::vector<source_table> out;
  for (const auto& t : now)
    if (!captured.contains(t.schema->id) && takes(*t.schema)) out.push_back(t);
  std::stable_partition(out.begin(), out.end(), [&](const source_table& t) {
    return names.contains(t.schema->qualified_name());
  });
  return out;
}

std::function<bool(const table_schema&)> takes_table(const pipeline_file& file) {
  std::vector<std::vector<table_pattern>> routes;
  for (const auto& r : file.routes) routes.push_back(parse_table_patterns(r.from));
  return [tables = parse_table_patterns(file.source.tables), routes](const table_schema& t) {
    const auto fits = [&](const auto& patterns) { return selects(patterns, t.schema, t.name); };
    return fits(tables) && (routes.empty() || std::any_of(routes.begin(), routes.end(), fits));
  };
}

} // namespace leat
