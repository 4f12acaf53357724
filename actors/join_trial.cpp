#include "actors/join_trial.hpp"

#include <algorithm>
#include <iterator>
#include <optional>
#include <set>
#include <utility>

#include "dataflow/progress_names.hpp"
#include "dataflow/route_fingerprints.hpp"
#include "dataflow/table_choice.hpp"

namespace leat {

namespace {

/// What speaks against a table may lie at a target, where nothing is seen to change.
constexpr int looks_between_admissions = 20;

/// Tables that exist with what they look like: a plan goes by that alone.
bool same_tables(const std::vector<source_table>& a, const std::vector<source_table>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](const auto& x, const auto& y) { return *x.schema == *y.schema; });
}

} // namespace

join_trial::join_trial(pipeline_file file, connectors plugins, std::map<oid, schema_ptr> captured,
                       std::map<oid, failed_join> failed)
    : file_(std::move(file)), plugins_(std::move(plugins)), captured_(std::move(captured)),
      failed_(std::move(failed)) {}

bool join_trial::try_out(source& origin, const std::vector<source_table>& catalog,
                         const std::vector<source_table>& found, const fingerprint_map& routes) {
  refused_ = obstacles(origin, found);
  std::vector<source_table> candidates;
  for (const auto& t : found)
    if (!refused_.contains(t.schema->id)) candidates.push_back(t);
  const bool others = admit_candidates(catalog, routes, candidates);
  refused_.insert(last_.refused.begin(), last_.refused.end());
  return others;
}

std::map<oid, error> join_trial::obstacles(source& origin,
                                           const std::vector<source_table>& found) const {
  if (found.empty()) return {};
  std::vector<schema_ptr> schemas;
  for (const auto& t : found) schemas.push_back(t.schema);
  auto out = origin.obstacles(schemas);
  for (const auto& schema : schemas) {
    const auto failed = failed_.find(schema->id);
    if (failed != failed_.end() && *failed->second.table == *schema)
      out.insert_or_assign(schema->id, failed->second.why);
  }
  return out;
}

/// The same candidates are tried again only after a while: a plan of many tables, and targets that
/// are asked, cost time.
bool join_trial::admit_candidates(const std::vector<source_table>& catalog,
                                  const fingerprint_map& routes,
                                  const std::vector<source_table>& candidates) {
  const bool same = same_tables(candidates, candidates_);
  if (same && (last_.refused.empty() || ++looks_since_ < looks_between_admissions)) return false;
  candidates_.clear(); // an admission that throws is made again
  last_ =
      admit(candidates, [&](const auto& joined) { return objection_to(catalog, routes, joined); });
  candidates_ = candidates;
  looks_since_ = 0;
  return !same;
}

std::optional<error> join_trial::objection_to(const std::vector<source_table>& catalog,
                                              const fingerprint_map& routes,
                                              const std::vector<source_table>& joined) const {
  try {
    const table_choice choice{captured_, {}};
    auto tables = kept_tables(catalog, choice, joined);
    for (auto& t : tables) t.known = true;
    plan_by_old_names(tables, choice);
    tables.insert(tables.end(), joined.begin(), joined.end());
    auto made = make_plan(file_, tables, plugins_.transforms);
    return objection_of_targets(routes, std::move(made.routes), joined);
  } catch (const error& e) {
    if (e.transient()) throw;
    return e;
  }
}

std::optional<error>
join_trial::objection_of_targets(const fingerprint_map& before, std::vector<route_ptr> routes,
                                 const std::vector<source_table>& joined) const {
  keep_progress_names(routes, before);
  std::set<oid> ids;
  for (const auto& t : joined) ids.insert(t.schema->id);
  std::erase_if(routes, [&](const route_ptr& r) { return !ids.contains(r->source()->id); });
  refuse_changed_routes(before, fingerprints(routes));
  for (const auto& options : file_.sinks) {
    std::vector<route_ptr> own;
    std::ranges::copy_if(routes, std::back_inserter(own),
                         [&](const route_ptr& r) { return r->sink == options.name; });
    if (own.empty()) continue;
    for (const auto& e : plugins_.make_sink(file_, options)->check(own)) {
      if (e.transient()) throw e;
      return e;
    }
  }
  return std::nullopt;
}

} // namespace leat
