#include "dataflow/table_choice.hpp"

#include <algorithm>
#include <set>
#include <string>

#include "dataflow/route_evolution.hpp"

namespace leat {

std::vector<source_table> kept_tables(const std::vector<source_table>& catalog,
                                      const table_choice& choice,
                                      const std::vector<source_table>& joined) {
  std::vector<source_table> out;
  std::set<oid> there;
  for (const auto& t : catalog) {
    if (!choice.kept->contains(t.schema->id)) continue;
    there.insert(t.schema->id);
    out.push_back(t);
  }
  std::set<std::string> taken;
  for (const auto& t : joined) taken.insert(t.schema->qualified_name());
  for (const auto& [id, schema] : *choice.kept)
    if (!there.contains(id) && !taken.contains(schema->qualified_name())) out.push_back({schema});
  return out;
}

std::vector<source_table> joining_tables(const std::vector<source_table>& catalog,
                                         const table_choice& choice) {
  std::vector<source_table> out;
  for (const auto& t : catalog)
    if (choice.joining.contains(t.schema->id)) out.push_back(t);
  return out;
}

void plan_by_old_names(std::vector<source_table>& tables, const table_choice& choice) {
  if (!choice.kept) return;
  for (auto& t : tables) {
    const auto kept = choice.kept->find(t.schema->id);
    if (kept == choice.kept->end()) continue;
    auto named = std::make_shared<table_schema>(*t.schema);
    named->schema = kept->second->schema;
    named->name = kept->second->name;
    t.schema = std::move(named);
  }
}

void follow_renames(plan& p, const std::map<oid, schema_ptr>& now) {
  const auto renamed = [&](const schema_ptr& planned) {
    const auto found = now.find(planned->id);
    return found != now.end() && found->second->qualified_name() != planned->qualified_name()
               ? found->second
               : nullptr;
  };
  for (auto& r : p.routes)
    if (const auto schema = renamed(r->source())) r = evolve_route(*r, schema);
  for (auto& t : p.tables)
    if (auto schema = renamed(t)) t = std::move(schema);
}

} // namespace leat
