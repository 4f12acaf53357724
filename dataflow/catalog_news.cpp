#include "dataflow/catalog_news.hpp"

#include <algorithm>

#include "dataflow/plan.hpp"
#include "dataflow/table_pattern.hpp"

namespace leat {

catalog_news compare_catalog(const std::vector<schema_ptr>& captured, const std::set<oid>& before,
                             const std::vector<source_table>& now,
                             const std::function<bool(const table_schema&)>& takes) {
  std::set<oid> there;
  std::set<std::string> names;
  for (const auto& t : now) {
    there.insert(t.schema->id);
    names.insert(t.schema->qualified_name());
  }
  catalog_news news;
  std::set<std::string> captured_names;
  for (const auto& schema : captured) {
    captured_names.insert(schema->qualified_name());
    if (there.contains(schema->id)) continue;
    const bool again = names.contains(schema->qualified_name());
    news.gone[schema->id] = again ? table_fate::made_again : table_fate::dropped;
  }
  for (const auto& t : now) {
    const auto name = t.schema->qualified_name();
    const bool again = captured_names.contains(name);
    if (!before.contains(t.schema->id) && !again && takes(*t.schema)) news.appeared.push_back(name);
  }
  return news;
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
