#include "tests/simulation/world.hpp"

#include <cstdio>
#include <utility>

#include "dataflow/error.hpp"

namespace leat::sim {

void world::pass(const char* step) {
  if (!dead_ && (steps_left_ == 0 || --steps_left_ != 0)) return;
  if (!dead_) failed_.insert(step);
  trace(std::string(dead_ ? "dead at " : "fails: ") + step);
  throw error(error_kind::sink, planted, step, "", error_retry::transient);
}

void world::trace(const std::string& what) const {
  if (traced_) std::fprintf(stderr, "%s\n", what.c_str());
}

void world::violate(std::string what) {
  trace("violation: " + what);
  if (!violation_) violation_ = std::move(what);
}

void world::ask(oid table) {
  for (auto& [sink, t] : targets)
    for (const auto& [name, held] : t.tables)
      if (t.attached.contains(name) && held.source == sim_database::table_of(table))
        t.due[name] = std::max(t.due[name], t.progress->last_generation(name) + 1);
}

std::vector<target_stand> world::stands() const {
  std::vector<target_stand> out;
  for (const auto& [name, t] : targets) out.push_back({name, true, t.progress});
  return out;
}

} // namespace leat::sim
