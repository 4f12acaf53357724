#include "dataflow/plan.hpp"

#include <algorithm>
#include <map>
#include <set>
#include <tuple>

#include "dataflow/error.hpp"
#include "dataflow/merged_routes.hpp"
#include "dataflow/nearest_name.hpp"
#include "dataflow/pipeline_file_check.hpp"
#include "dataflow/planned_transforms.hpp"
#include "dataflow/route_builder.hpp"
#include "dataflow/route_shape.hpp"
#include "dataflow/table_pattern.hpp"

namespace leat {

namespace {

std::vector<std::string> names_of(const std::vector<schema_ptr>& tables) {
  std::vector<std::string> names;
  for (const schema_ptr& table : tables) names.push_back(table->qualified_name());
  return names;
}

std::string suggestion(const std::string& name, const std::vector<schema_ptr>& tables,
                       const std::string& otherwise) {
  const std::vector<std::string> near = nearest_names(name, names_of(tables), 3);
  return near.empty() ? otherwise : "did you mean " + join_names(near) + "?";
}

class drafter {
 public:
  drafter(const pipeline_file& file, const std::vector<source_table>& tables,
          const transform_registry& transforms)
      : file_(file), registry_(transforms) {
    for (const source_table& table : tables) {
      all_.push_back(table.schema);
      if (!table.coming.empty()) coming_[table.schema->id] = table.coming;
      if (table.known) known_.insert(table.schema->id);
    }
    std::sort(all_.begin(), all_.end(), [](const schema_ptr& a, const schema_ptr& b) {
      return std::tie(a->schema, a->name) < std::tie(b->schema, b->name);
    });
  }

  plan draft() {
    select_tables();
    check_snapshot_predicates();
    if (file_.routes.empty()) {
      for (const schema_ptr& table : selected_) add_route(route_options{}, table, source_place());
    } else {
      for (const route_options& options : file_.routes) add_routes(options);
    }
    finish();
    return std::move(plan_);
  }

 private:
  void report(severity how, const std::string& what, const std::string& where,
              const std::string& remedy) {
    plan_.problems.push_back({how, "plan", what, where, remedy});
  }

  std::string source_place() const { return file_.path.string() + ", source.tables"; }

  void select_tables() {
    const std::vector<table_pattern> patterns = parse_table_patterns(file_.source.tables);
    for (const schema_ptr& table : all_)
      if (selects(patterns, table->schema, table->name)) selected_.push_back(table);
    for (const table_pattern& pattern : patterns) {
      if (pattern.excludes() || matches_any(pattern, all_)) continue;
      if (pattern.names_one())
        report_absent(pattern, all_, source_place());
      else
        report(severity::note, "no table fits " + pattern.text(), source_place(), "");
    }
    if (selected_.empty())
      report(severity::error, "no table is selected", source_place(),
             "name tables that exist; the last pattern that fits a table decides");
  }

  static bool matches_any(const table_pattern& pattern, const std::vector<schema_ptr>& tables) {
    return std::any_of(tables.begin(), tables.end(), [&](const schema_ptr& table) {
      return pattern.fits(table->schema, table->name);
    });
  }

  void check_snapshot_predicates() {
    const std::vector<std::string> names = names_of(selected_);
    for (const auto& [name, predicate] : file_.source.where)
      if (std::find(names.begin(), names.end(), name) == names.end())
        report(severity::error, "table " + name + " is not among the selected ones",
               file_.path.string() + ", source.snapshot.where",
               suggestion(name, selected_, "take the predicate out"));
  }

  void add_routes(const route_options& options) {
    const std::string where = place_text(file_.path, options.place) + ", route";
    const std::vector<table_pattern> patterns = parse_table_patterns(options.from);
    bool missing = false;
    for (const table_pattern& pattern : patterns) {
      if (!pattern.names_one() || pattern.excludes() || matches_any(pattern, selected_)) continue;
      missing = true;
      report_missing(pattern, option_place(options, where, "from"));
    }
    std::vector<schema_ptr> taken;
    for (const schema_ptr& table : selected_)
      if (selects(patterns, table->schema, table->name)) taken.push_back(table);
    check_excluded(options, taken, where);
    for (const schema_ptr& table : taken) add_route(options, table, where);
    if (taken.empty() && !missing)
      report(severity::error, "no selected table fits " + join_names(options.from, "and"),
             option_place(options, where, "from"),
             suggestion(options.from.front(), selected_,
                        "selected are " + join_names(names_of(selected_), "and")));
  }

  /// Of several tables some may lack the column; that all do is a mistake.
  void check_excluded(const route_options& options, const std::vector<schema_ptr>& tables,
                      const std::string& where) {
    for (const std::string& name : options.exclude) {
      std::vector<std::string> known;
      for (const schema_ptr& table : tables) {
        for (const column& c : table->columns) known.push_back(c.name);
        const auto coming = coming_.find(table->id);
        if (coming == coming_.end()) continue;
        known.insert(known.end(), coming->second.begin(), coming->second.end());
      }
      if (tables.empty() || std::find(known.begin(), known.end(), name) != known.end()) continue;
      const std::vector<std::string> near = nearest_names(name, known);
      report(severity::error, "no table of the route has the column `" + name + "`",
             option_place(options, where, "exclude"),
             near.empty() ? "take it out" : "did you mean `" + near.front() + "`?");
    }
  }

  /// The catalog has told of no others, so nothing is known of those that cannot be captured.
  void report_absent(const table_pattern& pattern, const std::vector<schema_ptr>& tables,
                     const std::string& where) {
    report(severity::error,
           "there is no table " + pattern.name() + " at the source that can be captured", where,
           suggestion(pattern.name(), tables, "check the name")
               + " (a view or a foreign table has no changes, and a partition goes with its root: "
                 "name that)");
  }

  void report_missing(const table_pattern& pattern, const std::string& where) {
    if (matches_any(pattern, all_))
      report(severity::error, "`source.tables` does not select table " + pattern.name(), where,
             "add it to `source.tables`");
    else
      report_absent(pattern, selected_, where);
  }

  const sink_options& sink_of(const route_options& options) const {
    for (const sink_options& sink : file_.sinks)
      if (!options.sink || sink.name == *options.sink) return sink;
    throw error(error_kind::usage, "there is no sink for the route",
                place_text(file_.path, options.place), "add a section [sink.NAME]");
  }

  void add_route(const route_options& options, const schema_ptr& table, const std::string& where) {
    routed_.insert(table->qualified_name());
    try {
      const sink_options& sink = sink_of(options);
      route made = build_route(options, sink, table, where, taken_before(options, table, where),
                               transforms_of(options));
      note_left_out(made, where);
      note_transforms(made, where);
      made.id = static_cast<route_id>(plan_.routes.size());
      auto& target = targets_[std::pair(sink.name, target_identity(made, sink))];
      target.where = where;
      target.routes.push_back(std::make_shared<route>(std::move(made)));
      plan_.routes.push_back(target.routes.back());
    } catch (const error& e) {
      report(severity::error, e.what(), e.where(), e.remedy());
    }
  }

  std::vector<named_transform> transforms_of(const route_options& options) {
    std::vector<named_transform> out;
    for (const auto& name : options.transforms) out.push_back({name, type_of(name)});
    return out;
  }

  /// Made once, so that a plugin is loaded once.
  transform_type_ptr type_of(const std::string& name) {
    auto& known = types_[name];
    if (known) return known;
    const auto found = std::find_if(file_.transforms.begin(), file_.transforms.end(),
                                    [&](const transform_options& o) { return o.name == name; });
    if (found == file_.transforms.end() || !registry_)
      throw error(error_kind::bug, "there is no transform " + name, file_.path.string(),
                  "report this");
    try {
      return known = registry_(*found);
    } catch (const error& e) {
      const std::string place(e.where());
      throw error(e.kind(), e.what(),
                  place_text(file_.path, found->place) + ", transform." + name
                      + (place.empty() ? "" : ", " + place),
                  e.remedy());
    }
  }

  /// first_match: what earlier routes take of the table.
  std::vector<std::string> taken_before(const route_options& options, const schema_ptr& table,
                                        const std::string& where) {
    if (!file_.first_match) return {};
    auto& taken = taken_[table->id];
    const auto before = taken;
    if (std::find(before.begin(), before.end(), std::string()) != before.end())
      throw error(error_kind::usage,
                  "with first_match an earlier route takes every row of table "
                      + table->qualified_name(),
                  where, "give the earlier route a `where`, or put it behind this one");
    taken.push_back(condition_of(options, *table));
    return before;
  }

  /// "table public.orders: ...", once for all tables that it is true of.
  void note(const table_schema& table, const std::string& text, const std::string& where,
            const std::string& remedy) {
    for (auto& known : table_notes_)
      if (known.text == text && known.where == where && known.remedy == remedy)
        return known.tables.push_back(table.qualified_name());
    table_notes_.push_back({text, where, remedy, {table.qualified_name()}});
  }

  /// "table a", "tables a, b, c, d and 7 more".
  static std::string tables_text(std::vector<std::string> names) {
    constexpr std::size_t most = 5;
    if (names.size() == 1) return "table " + names.front();
    if (names.size() > most) {
      const auto more = names.size() - (most - 1);
      names.resize(most - 1);
      names.push_back(std::to_string(more) + " more");
    }
    return "tables " + join_names(names, "and");
  }

  void report_notes() {
    for (const auto& n : table_notes_)
      report(severity::note, tables_text(n.tables) + ": " + n.text, n.where, n.remedy);
  }

  void note_transforms(const route& r, const std::string& where) {
    if (!r.chain) return;
    for (const auto& s : r.chain->steps) {
      if (!s.gives.note.empty())
        report(severity::note, "transform " + s.is.name + ": " + s.gives.note, where, "");
      if (s.asks_before)
        note(*r.source(),
             "behind transform " + s.is.name
                 + " the key does not say which row of the source it is, so a row whose large "
                   "values an UPDATE leaves out is read at the source again",
             where,
             "REPLICA IDENTITY FULL, a transform of type remember before it, or leaving such "
             "columns out, saves that");
    }
  }

  void note_left_out(const route& r, const std::string& where) {
    if (!r.shape) return;
    const bool upsert = r.mode == route_mode::upsert;
    if (upsert && r.chain && r.chain->completes_table()) return;
    const auto names = columns_left_out(*r.shape);
    if (names.empty()) return;
    note(*r.source(),
         "expressions read " + join_names(names, "and")
             + ", whose values an UPDATE leaves out when they are large and did not change",
         where,
         upsert
             ? "such a row is read at the source again; REPLICA IDENTITY FULL, a transform of "
               "type remember that stands first, or leaving the column out, saves that"
             : "such a row is kept, and the column named in _leat_missing; REPLICA IDENTITY FULL "
               "brings them, a transform of type remember that stands first most of them");
  }

  void merge_shared_targets() {
    for (const auto& [name, target] : targets_) {
      if (target.routes.size() < 2) continue;
      const bool fresh =
          std::none_of(target.routes.begin(), target.routes.end(),
                       [&](const auto& r) { return known_.contains(r->source()->id); });
      try {
        merge_routes(target.routes, fresh);
      } catch (const error& e) {
        report(severity::error, e.what(), target.where, e.remedy());
      }
    }
  }

  void finish() {
    merge_shared_targets();
    report_notes();
    std::vector<std::string> left;
    for (const schema_ptr& table : selected_) {
      const std::string name = table->qualified_name();
      if (!routed_.contains(name)) {
        left.push_back(name);
        continue;
      }
      plan_.tables.push_back(table);
    }
    if (!left.empty())
      report(severity::note, "no route takes " + tables_text(left), source_place(), "");
  }

  const pipeline_file& file_;
  const transform_registry& registry_;
  std::map<std::string, transform_type_ptr> types_;
  std::vector<schema_ptr> all_;
  std::vector<schema_ptr> selected_;
  std::map<oid, std::vector<std::string>> coming_;
  std::map<oid, std::vector<std::string>> taken_;
  std::set<std::string> routed_;
  struct target_routes {
    std::string where;
    std::vector<std::shared_ptr<route>> routes;
  };
  std::map<std::pair<std::string, std::string>, target_routes> targets_; ///< by sink and identity
  std::set<oid> known_;
  struct table_note {
    std::string text;
    std::string where;
    std::string remedy;
    std::vector<std::string> tables;
  };
  std::vector<table_note> table_notes_;
  plan plan_;
};

} // namespace

plan draft_plan(const pipeline_file& file, const std::vector<source_table>& tables,
                const transform_registry& transforms) {
  return drafter(file, tables, transforms).draft();
}

plan make_plan(const pipeline_file& file, const std::vector<source_table>& tables,
               const transform_registry& transforms) {
  plan made = draft_plan(file, tables, transforms);
  for (const finding& problem : made.problems)
    if (problem.level == severity::error)
      throw error(error_kind::usage, problem.what, problem.where, problem.remedy);
  return made;
}

} // namespace leat
