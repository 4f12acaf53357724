#include "tests/simulation/layout.hpp"

namespace leat::sim {

layout::layout(model::random& r, const std::filesystem::path& scratch, bool columns_change)
    : columns_change_(columns_change) {
  base_.name = "sim";
  base_.state = scratch;
  // An eighth of it is for the keys that each table's merge remembers (R5.3).
  if (r.chance(4)) base_.memory = 8 * r.below(1000);
  base_.source.readers = 1 + r.below(3);
  bag_ = r.chance(3);
  for (const char* name : {"one", "two", "three"}) {
    if (sinks_.size() == 2 && !r.chance(4)) break;
    sinks_.push_back({.name = name,
                      .soft = r.chance(4),
                      .left_log = r.chance(3),
                      .bag_log = r.chance(4),
                      .part = r.chance(3),
                      .both = r.chance(3)});
    if (sinks_.size() == 3) break; // this one comes and goes
    choose_transforms(r, sinks_.back());
  }
}

void layout::choose_transforms(model::random& r, sink_layout& s) {
  for (auto& list : s.transforms) {
    if (!r.chance(3)) continue;
    const bool log = &list == &s.transforms[2];
    if (!log && r.chance(2))
      list.push_back("count_" + s.name + (&list == s.transforms ? "_left" : "_right"));
    if (r.chance(2)) list.emplace_back("remember");
    if (!log && r.chance(2)) list.emplace_back("dedup");
  }
}

pipeline_file layout::file() const {
  auto f = base_;
  f.source.tables = {"public.left", "public.right"};
  if (bag_) f.source.tables.emplace_back("public.bag");
  for (const auto& s : sinks_) {
    sink_options o;
    o.name = s.name;
    o.connector = "sim";
    f.sinks.push_back(o);
    add_routes(f, s);
  }
  return f;
}

void layout::add_routes(pipeline_file& f, const sink_layout& s) const {
  const auto add = [&](const char* from, const char* to, route_mode mode, delete_mode removal,
                       const std::vector<std::string>& transforms = {}) {
    route_options route;
    route.from = {from};
    route.to = to;
    route.sink = s.name;
    route.mode = mode;
    route.removal = removal;
    route.transforms = transforms;
    for (const auto& name : transforms) {
      transform_options o;
      o.name = name;
      o.type = name.substr(0, name.find('_'));
      f.transforms.push_back(o);
    }
    f.routes.push_back(route);
  };
  add("public.left", "left", route_mode::upsert, s.soft ? delete_mode::soft : delete_mode::hard,
      s.transforms[0]);
  add("public.right", "right", route_mode::upsert, delete_mode::hard, s.transforms[1]);
  add_shaped_routes(f, s);
  if (s.left_log)
    add("public.left", "left_log", route_mode::append, delete_mode::hard, s.transforms[2]);
  if (!bag_) return;
  add("public.bag", "bag", route_mode::upsert, delete_mode::hard);
  if (s.bag_log) add("public.bag", "bag_log", route_mode::append, delete_mode::hard);
}

/// Expressions stop where a column that they read is renamed, and merges where one is at all.
void layout::add_shaped_routes(pipeline_file& f, const sink_layout& s) const {
  if (columns_change_) return;
  route_options route;
  route.sink = s.name;
  if (s.part) {
    route.from = {"public.left"};
    route.to = "part";
    route.where = "value % 2 = 0";
    f.routes.push_back(route);
  }
  if (!s.both) return;
  route.from = {"public.left", "public.right"};
  route.to = "both";
  route.where = {};
  route.columns = {"*", "side"};
  route.computed = {{"side", "leat.table", ""}};
  route.key = {"side", "id"};
  f.routes.push_back(route);
}

/// Tables of routes that are new to leat: what was appended is no history any more, and columns may
/// have changed meanwhile. A person drops such.
void layout::drop_stale_tables(world& w) const {
  const auto epochs = w.store->epochs();
  const auto known = epochs.empty() ? std::nullopt : w.store->load(epochs.back());
  for (const auto& route : file().routes) {
    if (known && known->routes.contains(*route.sink + "/" + route.to)) continue;
    auto& t = w.targets[*route.sink];
    if (route.mode == route_mode::upsert && !columns_change_) continue;
    t.tables.erase(route.to);
    t.log_from.erase(route.to);
    t.due.erase(route.to);
  }
}

void layout::edit(model::random& r, world& w) {
  w.read_anew = true; // what is new is no cut yet
  auto& s = sinks_[r.below(static_cast<std::uint32_t>(sinks_.size()))];
  switch (r.below(4)) {
  case 0:
    s.left_log = !s.left_log;
    break;
  case 1:
    bag_ = !bag_;
    break;
  case 2:
    s.bag_log = !s.bag_log;
    break;
  default:
    if (sinks_.size() == 2) {
      sinks_.push_back(third_);
    } else {
      third_ = sinks_.back();
      sinks_.pop_back();
    }
  }
  drop_stale_tables(w);
}

std::vector<std::string> layout::sinks() const {
  std::vector<std::string> out;
  for (const auto& s : sinks_) out.push_back(s.name);
  return out;
}

} // namespace leat::sim
