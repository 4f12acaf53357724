#include "dataflow/plan.hpp"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "actors/connectors.hpp"
#include "actors/examination.hpp"
#include "cli/commands.hpp"
#include "cli/own_output.hpp"
#include "dataflow/error.hpp"
#include "dataflow/nearest_name.hpp"
#include "dataflow/planned_transforms.hpp"
#include "dataflow/route_shape.hpp"

namespace leat::cli {

namespace {

struct planned_route {
  route_ptr route;
  std::string ddl;
  std::vector<kept_column> columns;
};

struct actor_line {
  std::string name;
  std::string does;
};

const char* text_of(route_mode mode) { return mode == route_mode::upsert ? "upsert" : "append"; }

const char* text_of(delete_mode mode) {
  switch (mode) {
  case delete_mode::hard:
    return "hard";
  case delete_mode::soft:
    return "soft";
  case delete_mode::ignore:
    return "ignore";
  }
  return "hard";
}

std::vector<std::string> key_of(const route& r) {
  std::vector<std::string> names;
  for (const auto i : r.key) names.push_back(r.columns[i].name);
  return names;
}

/// What is one transaction there; the other targets have one choice.
std::string atomicity_of(const sink_options& s) {
  if (s.connector != "starrocks") return {};
  if (!s.starrocks.atomicity_given)
    return ", one transaction over all tables (4.0 and later), else one a table";
  return s.atomicity == atomicity::epoch ? ", one transaction over all tables"
                                         : ", a transaction a table";
}

std::vector<actor_line> actors_of(const pipeline_file& file, const leat::plan& p) {
  std::vector<actor_line> lines{
      {"supervisor", "builds the others, and begins again after a failure that may pass"},
      {"coordinator", "an epoch every " + std::to_string(file.checkpoint_interval.count())
                          + " ms, checkpoints in " + file.state.string()},
      {"source", "slot " + file.source.slot + ", publication " + file.source.publication},
      {"router", std::to_string(p.routes.size()) + " routes over " + std::to_string(p.tables.size())
                     + " tables"}};
  lines.push_back({"chunk readers", std::to_string(file.source.readers) + " connections"});
  for (const auto& s : file.sinks) {
    const auto routes = std::count_if(p.routes.begin(), p.routes.end(),
                                      [&](const auto& r) { return r->sink == s.name; });
    lines.push_back({"sink " + s.name,
                     s.connector + ", " + std::to_string(routes) + " tables" + atomicity_of(s)});
  }
  return lines;
}

std::vector<planned_route> routes_of(const pipeline_file& file, const leat::plan& p) {
  std::vector<planned_route> out;
  for (const auto& options : file.sinks) {
    const auto target = make_sink(file, options);
    for (const auto& r : p.routes)
      if (r->sink == options.name) out.push_back({r, target->ddl(*r), target->kept_columns(*r)});
  }
  return out;
}

std::vector<std::string> expressions_of(const route& r) {
  std::vector<std::string> lines;
  if (!r.shape) return lines;
  const auto& shape = *r.shape;
  if (shape.where) lines.push_back("where " + shape.where->text());
  for (const auto& e : shape.unless)
    lines.push_back("unless an earlier route takes it: " + e->text());
  const auto made = shaped_schema(shape);
  const auto own = shape.source->columns.size();
  for (std::size_t i = 0; i < shape.computed.size(); ++i)
    lines.push_back(fmt::format("{} = {} ({})", shape.options.computed[i].name,
                                shape.computed[i]->text(), made->columns[own + i].type_name));
  return lines;
}

/// "merged with 2 other tables: its rows have shard = 1"
std::string merge_of(const route& r) {
  std::string told;
  for (const auto& [column, text] : r.own_rows)
    told += (told.empty() ? "" : " and ") + column + " = " + text;
  return fmt::format("merged with {} other {}: its rows have {}", r.beside.size(),
                     r.beside.size() == 1 ? "table" : "tables", told);
}

std::vector<std::string> transforms_of(const route& r) {
  std::vector<std::string> lines;
  if (!r.chain) return lines;
  for (const auto& s : r.chain->steps)
    lines.push_back(fmt::format("{} ({}{}{})", s.is.type->text(), s.is.name,
                                s.gives.keeps_state ? ", keeps state" : "",
                                s.on_table ? ", before the expressions" : ""));
  return lines;
}

void print_route(const planned_route& planned) {
  const auto& r = *planned.route;
  const auto key = key_of(r);
  const auto how = r.mode == route_mode::append
                       ? "append, a row for each change"
                       : fmt::format("upsert, delete {}, {}", text_of(r.removal),
                                     key.empty() ? "no key" : "key " + join_names(key, "and"));
  fmt::print("{} -> {}.{}: {}\n", r.schema->qualified_name(), r.sink, r.target, how);
  for (const auto& line : expressions_of(r)) fmt::print("  {}\n", line);
  if (r.merged()) fmt::print("  {}\n", merge_of(r));
  for (const auto& line : transforms_of(r)) fmt::print("  transform {}\n", line);
  if (!planned.ddl.empty()) fmt::print("{}\n", planned.ddl);
  for (const auto& c : planned.columns)
    if (!c.loss.empty())
      fmt::print("  loses: {}, {} to {}: {}\n", c.name, c.source_type, c.target_type, c.loss);
  fmt::print("\n");
}

void print_lines(const pipeline_file& file, const leat::plan& p) {
  for (const auto& planned : routes_of(file, p)) print_route(planned);
  for (const auto& note : p.problems) {
    fmt::print("note: {} ({})\n", note.what, note.where);
    if (!note.remedy.empty()) fmt::print("  {}\n", note.remedy);
  }
  fmt::print("actors:\n");
  for (const auto& a : actors_of(file, p)) fmt::print("  {}: {}\n", a.name, a.does);
}

nlohmann::json json_of(const planned_route& planned) {
  const auto& r = *planned.route;
  nlohmann::json out{{"table", r.schema->qualified_name()},
                     {"sink", r.sink},
                     {"target", r.target},
                     {"mode", text_of(r.mode)},
                     {"delete", text_of(r.removal)},
                     {"key", key_of(r)},
                     {"expressions", expressions_of(r)},
                     {"transforms", transforms_of(r)},
                     {"ddl", planned.ddl},
                     {"columns", nlohmann::json::array()}};
  for (const auto& c : planned.columns)
    out["columns"].push_back({{"name", c.name},
                              {"source_type", c.source_type},
                              {"target_type", c.target_type},
                              {"loses", c.loss}});
  return out;
}

void print_json(const pipeline_file& file, const leat::plan& p) {
  using nlohmann::json;
  json out{{"pipeline", file.name},
           {"slot", file.source.slot},
           {"publication", file.source.publication},
           {"tables", json::array()},
           {"routes", json::array()},
           {"notes", json::array()},
           {"actors", json::array()}};
  for (const auto& t : p.tables) out["tables"].push_back(t->qualified_name());
  for (const auto& planned : routes_of(file, p)) out["routes"].push_back(json_of(planned));
  for (const auto& n : p.problems) out["notes"].push_back({{"what", n.what}, {"where", n.where}});
  for (const auto& a : actors_of(file, p))
    out["actors"].push_back({{"name", a.name}, {"does", a.does}});
  std::puts(out.dump(2, ' ', false, json::error_handler_t::replace).c_str());
}

leat::plan drafted(const pipeline_file& file) {
  const others_print_to_stderr guard;
  return draft_next_plan(file, look_at_state(file));
}

} // namespace

int plan(const common_options& o) {
  const auto file = load_checked_file(o.file, o.settings);
  const auto p = drafted(file);
  for (const auto& found : p.problems)
    if (found.level == severity::error)
      throw error(error_kind::usage, found.what, found.where, found.remedy);
  if (o.json)
    print_json(file, p);
  else
    print_lines(file, p);
  return 0;
}

} // namespace leat::cli
