#include "dataflow/route_fingerprints.hpp"

#include "dataflow/error.hpp"
#include "dataflow/plan.hpp"

namespace leat {

std::map<std::string, std::string> fingerprints(const std::vector<route_ptr>& routes) {
  std::map<std::string, std::string> out;
  for (const auto& r : routes) out[r->full_name()] = route_fingerprint(*r);
  return out;
}

void refuse_changed_routes(const std::map<std::string, std::string>& before,
                           const std::map<std::string, std::string>& now) {
  for (const auto& [name, fingerprint] : now) {
    const auto was = before.find(name);
    if (was == before.end()) continue;
    const auto differences = compare_fingerprints(was->second, fingerprint);
    if (differences.empty()) continue;
    throw error(
        error_kind::usage, "the route to " + name + " would now give other rows: " + differences,
        "route " + name,
        "change it back, or give the route another `to`, or `leat resnapshot` its table: then "
        "the target's table has to have the columns and the key of the route, or be dropped");
  }
}

void let_go_of_routes(checkpoint& from, const std::vector<resnapshot_request>& requests) {
  for (const auto& r : requests) {
    const auto table = from.schemas.find(r.table);
    if (table == from.schemas.end()) continue;
    const auto name = table->second->qualified_name();
    std::erase_if(from.routes,
                  [&](const auto& route) { return is_fingerprint_over(route.second, name); });
  }
}

} // namespace leat
