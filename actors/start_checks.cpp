#include "actors/start_checks.hpp"

#include "actors/assembly.hpp"
#include "dataflow/error.hpp"

namespace leat {

void check_name(const pipeline_identity& state, const pipeline_file& file) {
  if (state.name == file.name) return;
  throw error(error_kind::state, "the state belongs to pipeline " + state.name,
              "state " + file.state.string(),
              "give this pipeline a state directory of its own in [pipeline] state");
}

void check_distinct(std::map<std::string, std::string>& known, const std::string& identity,
                    const std::string& sink, const pipeline_file& file) {
  if (identity.empty()) return;
  const auto [other, added] = known.emplace(identity, sink);
  if (added) return;
  throw error(error_kind::usage,
              "sinks `" + other->second + "` and `" + sink + "` write to one place",
              file.path.string() + ", sink." + sink,
              "give each sink a file, a database or a `schema` of its own, or send all routes to "
              "one sink");
}

void check_source(const pipeline_identity& was, const pipeline_identity& is) {
  if (was.system_id == is.system_id && was.timeline == is.timeline && was.database == is.database)
    return;
  throw error(error_kind::source,
              "the source is not the one that the state belongs to: system identifier "
                  + std::to_string(is.system_id) + " timeline " + std::to_string(is.timeline)
                  + " database " + is.database + ", the state has " + std::to_string(was.system_id)
                  + ", " + std::to_string(was.timeline) + ", " + was.database,
              "[source]",
              "point it at the right server; after a failover begin anew: `leat drop`, empty the "
              "target's tables, run");
}

namespace {

[[noreturn]] void refuse_operators(const std::string& what, const pipeline_file& file) {
  throw error(error_kind::state, what, "state " + (file.state / "operators").string(),
              "restore the whole state directory from one copy, or `leat resnapshot` the "
              "tables whose routes have transforms with state");
}

std::string full_name_of(const operator_name& name, const std::vector<route_ptr>& routes) {
  for (const auto& r : routes)
    if (r->sink == name.sink && r->progress_name() == name.target && r->schema->id == name.table)
      return r->full_name();
  return {};
}

} // namespace

void check_operators(const operator_store* kept, const std::vector<route_ptr>& routes,
                     const std::optional<checkpoint>& from,
                     const std::vector<target_stand>& targets, const pipeline_file& file) {
  for (const auto& [name, kind] : operators_of(routes))
    if (from && from->routes.contains(full_name_of(name, routes)) && (!kept || !kept->holds(name)))
      refuse_operators(
          "the state of transform " + name.transform + " for " + name.target + " is missing", file);
  for (const auto& t : targets) {
    const auto synced = kept ? kept->synced(t.sink) : std::nullopt;
    if (synced && t.keeps_progress && t.progress && *synced < t.progress->epoch)
      refuse_operators("the state of transforms is older than the target: it is of epoch "
                           + std::to_string(*synced) + ", sink " + t.sink + " stands at "
                           + std::to_string(t.progress->epoch),
                       file);
  }
}

} // namespace leat
