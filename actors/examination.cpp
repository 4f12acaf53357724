#include "actors/examination.hpp"

#include <algorithm>

#include "actors/assembly.hpp"
#include "actors/connectors.hpp"
#include "actors/start_checks.hpp"
#include "dataflow/error.hpp"
#include "dataflow/progress_names.hpp"
#include "dataflow/route_fingerprints.hpp"
#include "dataflow/table_pattern.hpp"
#include "plugins/postgres/preflight.hpp"
#include "state/checkpoint_store.hpp"

namespace leat {

state_view look_at_state(const pipeline_file& file) {
  state_view view;
  std::error_code failed;
  if (!std::filesystem::exists(file.state / "CURRENT", failed)) return view;
  view.store = open_state(file.state, true);
  view.identity = view.store->identity();
  const auto epochs = view.store->epochs();
  if (!epochs.empty()) view.newest = view.store->load(epochs.back());
  if (const auto log = view.store->operators(false)) view.states = operator_store(log).sizes();
  if (view.newest) let_go_of_routes(*view.newest, view.store->resnapshots());
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

  std::vector<finding> run() {
    const bool readable = look_at("state", [this] { state_ = look_at_state(file_); });
    preflight();
    if (reachable_ && look_at("plan", [this] { check_plan(); }) && readable) check_standing();
    return std::move(problems_);
  }

 private:
  /// False when it threw, which is a problem then.
  template <class Look>
  bool look_at(const char* check, Look&& look) {
    try {
      look();
      return true;
    } catch (const error& e) {
      add(check, e);
      return false;
    }
  }

  void add(const char* check, const error& e) {
    problems_.push_back({severity::error, check, e.what(), e.where(), e.remedy()});
  }

  bool has_errors() const {
    return std::ranges::any_of(problems_, [](auto& p) { return p.level == severity::error; });
  }

  void preflight() {
    auto request = postgres::make_request(file_, wanted_tables(file_));
    if (state_.identity) request.application = "leat:" + state_.identity->id;
    for (auto& f : postgres::preflight(request)) {
      if (f.check == "connection") reachable_ = false;
      problems_.push_back(std::move(f));
    }
  }

  void check_plan() {
    plan_ = draft_next_plan(file_, state_);
    for (const auto& found : plan_.problems) add(found);
    check_routes();
    for (const auto& options : file_.sinks) check_sink(options);
  }

  void add(const finding& found) {
    // The plan names the pattern, and what it may have meant.
    if (found.level == severity::error)
      std::erase_if(problems_, [](const finding& p) { return p.check == "tables"; });
    problems_.push_back(found);
  }

  /// R12, as a run would refuse it.
  void check_routes() {
    if (!state_.newest) return;
    look_at("route",
            [&] { refuse_changed_routes(state_.newest->routes, fingerprints(plan_.routes)); });
  }

  void check_sink(const sink_options& options) {
    std::vector<route_ptr> routes;
    for (const auto& r : plan_.routes)
      if (r->sink == options.name) routes.push_back(r);
    look_at("sink", [&] {
      const auto target = make_sink(file_, options);
      const auto refused = target->check(routes);
      for (const auto& e : refused) add("sink", e);
      for (const auto& r : routes) check_types(options, *target, *r);
      stands_.push_back(stand_of(*target, options.name, !refused.empty()));
      if (refused.empty()) check_distinct(places_, target->identity(), options.name, file_);
    });
  }

  /// What keeps it from being looked at has been told of where the target is `refused`.
  static target_stand stand_of(sink& target, const std::string& name, bool refused) {
    try {
      if (const auto found = target.look()) return {name, target.keeps_progress(), found->is};
    } catch (const error&) {
      if (!refused) throw;
    }
    return {name, false, std::nullopt};
  }

  void check_types(const sink_options& options, const sink& target, const route& r) {
    for (const auto& c : target.kept_columns(r))
      if (!c.loss.empty())
        problems_.push_back({severity::note, "type",
                             "column " + c.name + " of " + r.schema->qualified_name() + ": "
                                 + c.source_type + " becomes " + c.target_type + ", " + c.loss,
                             "sink " + options.name + ", table " + r.target, ""});
  }

  /// What state, source and targets say of one another. A pipeline that runs moves them on, one
  /// after the other.
  void check_standing() {
    const auto before = static_cast<std::ptrdiff_t>(problems_.size());
    if (!is_in_use(file_.state)) compare();
    if (!is_in_use(file_.state)) return;
    problems_.erase(problems_.begin() + before, problems_.end());
    problems_.push_back({severity::note, "state",
                         "a leat is running on this state directory: it has compared its state "
                         "with source and targets as it started",
                         "state " + file_.state.string(), ""});
  }

  /// As assemble() would refuse to start, all at once.
  void compare() {
    if (!state_.identity) {
      look_at("state", [this] { check_identities(stands_, ""); });
      return;
    }
    const auto& id = *state_.identity;
    if (!look_at("state", [&] { check_name(id, file_); })) return;
    restart_point point;
    const bool fits =
        look_at("state", [&] { point = find_restart_point(*state_.store, id.id, stands_); });
    if (point.from) let_go_of_routes(*point.from, state_.store->resnapshots());
    if (fits) look_at("state", [&] { check_states_of_transforms(point); });
    const auto origin = make_source(file_);
    if (!look_at("state", [&] { check_cluster(*origin); })) return;
    look_at("state", [&] {
      const auto confirmed = origin->look_at_slot(id);
      if (confirmed && point.from) check_slot_position(point.from->resume, *confirmed);
    });
  }

  /// What keeps the source from telling has been told of by the preflight.
  void check_cluster(source& origin) const {
    auto is = *state_.identity;
    try {
      origin.identify(is);
    } catch (const error&) {
      if (has_errors()) return;
      throw;
    }
    if (state_.identity->system_id != 0) check_source(*state_.identity, is);
  }

  void check_states_of_transforms(const restart_point& point) const {
    const auto log = state_.store->operators(false);
    const auto kept = log ? std::make_optional<operator_store>(log) : std::nullopt;
    check_operators(kept ? &*kept : nullptr, plan_.routes, point.from, stands_, file_);
  }

  const pipeline_file& file_;
  state_view state_;
  plan plan_;
  std::vector<target_stand> stands_;
  std::map<std::string, std::string> places_; ///< of sinks, by sink::identity()
  bool reachable_ = true;
  std::vector<finding> problems_;
};

} // namespace

std::vector<finding> examine(const pipeline_file& file) { return examiner(file).run(); }

} // namespace leat
