#include "actors/examination.hpp"

#include <algorithm>

#include "actors/assembly.hpp"
#include "actors/connectors.hpp"
#include "dataflow/error.hpp"
#include "dataflow/merge.hpp"
#include "dataflow/table_pattern.hpp"
#include "plugins/postgres/preflight.hpp"
#include "state/checkpoint_store.hpp"

namespace leat {

const char* to_string(severity s) {
  switch (s) {
  case severity::error:
    return "error";
  case severity::warning:
    return "warning";
  case severity::note:
    return "note";
  }
  return "error";
}

state_view look_at_state(const pipeline_file& file) {
  state_view view;
  std::error_code failed;
  if (!std::filesystem::exists(file.state / "CURRENT", failed)) return view;
  const auto store = open_state(file.state, true);
  view.identity = store->identity();
  const auto epochs = store->epochs();
  if (!epochs.empty()) view.newest = store->load(epochs.back());
  if (const auto log = store->operators(false)) view.states = operator_store(log).sizes();
  if (view.newest) let_go_of_routes(*view.newest, store->resnapshots());
  return view;
}

plan draft_next_plan(const pipeline_file& file, const state_view& state) {
  const auto* known = state.newest ? &*state.newest : nullptr;
  auto drafted =
      draft_plan(file, planned_tables(make_source(file)->tables(), known), make_transform_type);
  if (known != nullptr) keep_progress_names(drafted.routes, known->routes);
  return drafted;
}

namespace {

severity level_of(postgres::severity s) {
  switch (s) {
  case postgres::severity::error:
    return severity::error;
  case postgres::severity::warning:
    return severity::warning;
  case postgres::severity::note:
    return severity::note;
  }
  return severity::error;
}

/// The tables that `source.tables` selects and a route takes.
std::function<bool(std::string_view, std::string_view)> wanted_tables(const pipeline_file& file) {
  std::vector<std::vector<table_pattern>> routes;
  for (const auto& r : file.routes) routes.push_back(parse_table_patterns(r.from));
  return [selected = parse_table_patterns(file.source.tables),
          routes = std::move(routes)](std::string_view schema, std::string_view table) {
    if (!selects(selected, schema, table)) return false;
    return routes.empty() || std::any_of(routes.begin(), routes.end(), [&](const auto& patterns) {
             return selects(patterns, schema, table);
           });
  };
}

class examiner {
 public:
  explicit examiner(const pipeline_file& file) : file_(file) {}

  std::vector<problem> run() {
    look_at("state", [this] { state_ = look_at_state(file_); });
    check_source();
    if (reachable_) look_at("plan", [this] { check_plan(); });
    return std::move(problems_);
  }

 private:
  template <class Look>
  void look_at(const char* check, Look&& look) {
    try {
      look();
    } catch (const error& e) {
      add(check, e);
    }
  }

  void add(const char* check, const error& e) {
    problems_.push_back({severity::error, check, e.what(), e.where(), e.remedy()});
  }

  void check_source() {
    auto request = postgres::make_request(file_, wanted_tables(file_));
    if (state_.identity) request.application = "leat:" + state_.identity->id;
    for (const auto& f : postgres::preflight(request)) {
      if (f.check == "connection") reachable_ = false;
      problems_.push_back({level_of(f.level), f.check, f.what, f.where, f.remedy});
    }
  }

  void check_plan() {
    const auto p = draft_next_plan(file_, state_);
    for (const auto& found : p.problems) add(found);
    check_routes(p);
    for (const auto& options : file_.sinks) check_sink(options, p);
  }

  void add(const plan_problem& found) {
    const bool fatal = found.how == plan_problem::severity::error;
    // The plan names the pattern, and what it may have meant.
    if (fatal) std::erase_if(problems_, [](const problem& p) { return p.check == "tables"; });
    problems_.push_back(
        {fatal ? severity::error : severity::note, "plan", found.what, found.where, found.remedy});
  }

  /// R12, as a run would refuse it.
  void check_routes(const plan& p) {
    if (!state_.newest) return;
    look_at("route", [&] { refuse_changed_routes(state_.newest->routes, fingerprints(p.routes)); });
  }

  void check_sink(const sink_options& options, const plan& p) {
    std::vector<route_ptr> routes;
    for (const auto& r : p.routes)
      if (r->sink == options.name) routes.push_back(r);
    look_at("sink", [&] {
      const auto target = make_sink(file_, options);
      for (const auto& e : target->check(routes)) add("sink", e);
      for (const auto& r : routes) check_types(options, *target, *r);
    });
  }

  void check_types(const sink_options& options, const sink& target, const route& r) {
    for (const auto& c : target.kept_columns(r))
      if (!c.loss.empty())
        problems_.push_back({severity::note, "type",
                             "column " + c.name + " of " + r.schema->qualified_name() + ": "
                                 + c.source_type + " becomes " + c.target_type + ", " + c.loss,
                             "sink " + options.name + ", table " + r.target, ""});
  }

  const pipeline_file& file_;
  state_view state_;
  bool reachable_ = true;
  std::vector<problem> problems_;
};

} // namespace

std::vector<problem> examine(const pipeline_file& file) { return examiner(file).run(); }

} // namespace leat
