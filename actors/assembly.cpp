#include "actors/assembly.hpp"

#include <algorithm>
#include <random>

#include "actors/start_checks.hpp"
#include "dataflow/admission.hpp"
#include "dataflow/crash_point.hpp"
#include "dataflow/error.hpp"
#include "dataflow/planned_transforms.hpp"
#include "dataflow/progress_names.hpp"
#include "dataflow/route_fingerprints.hpp"

namespace leat {

std::map<operator_name, std::string> operators_of(const std::vector<route_ptr>& routes) {
  std::map<operator_name, std::string> out;
  for (const auto& r : routes)
    for (std::size_t i = 0; r->chain && i < r->chain->steps.size(); ++i)
      if (const auto& s = r->chain->steps[i]; s.gives.keeps_state)
        out.emplace(operator_name{r->sink, r->progress_name(), r->schema->id,
                                  static_cast<std::uint32_t>(i), s.is.name},
                    s.is.type->fingerprint());
  return out;
}

namespace {

/// The state's version of a table, with the labels that enums have by now.
schema_ptr with_labels(schema_ptr known, const table_schema& catalog) {
  auto out = std::make_shared<table_schema>(*known);
  bool differs = false;
  for (auto& c : out->columns) {
    const auto at = catalog.find(c.name);
    if (!at || catalog.columns[*at].type != c.type || catalog.columns[*at].labels == c.labels)
      continue;
    c.labels = catalog.columns[*at].labels;
    differs = true;
  }
  return differs ? schema_ptr(out) : std::move(known);
}

} // namespace

std::vector<source_table> planned_tables(std::vector<source_table> catalog,
                                         const checkpoint* known) {
  if (known == nullptr) return catalog;
  for (auto& table : catalog) {
    const auto found = known->schemas.find(table.schema->id);
    if (found == known->schemas.end()) continue;
    for (const auto& c : table.schema->columns)
      if (!found->second->find(c.name)) table.coming.push_back(c.name);
    table.schema = with_labels(found->second, *table.schema);
    table.known = true;
  }
  return catalog;
}

namespace {

std::string random_id() {
  std::random_device device;
  std::uniform_int_distribution<int> digit(0, 15);
  std::string id;
  for (int i = 0; i < 16; ++i) id += "0123456789abcdef"[digit(device)];
  return id;
}

/// The first checkpoint: nothing has passed, and the slot keeps everything from `resume` on.
checkpoint first_checkpoint(wal_lsn resume, const plan& p, const std::vector<opened_sink>& sinks) {
  checkpoint c;
  c.resume = resume;
  for (const auto& schema : p.tables) c.schemas[schema->id] = schema;
  for (const auto& s : sinks) c.sink_epochs[s.name] = 0;
  c.routes = fingerprints(p.routes);
  return c;
}

wal_lsn parse_until(const std::string& until) {
  if (const auto lsn = parse_lsn(until)) return wal_lsn{*lsn};
  throw error(error_kind::usage, "\"" + until + "\" is neither `caught-up` nor an LSN", "--until",
              "write an LSN as PostgreSQL does: 16/B374D848");
}

} // namespace

void check_until(const std::string& until) {
  if (!until.empty() && until != "caught-up") parse_until(until);
}

namespace {

class assembler {
 public:
  assembler(const pipeline_file& file, state_store& store, cancel_list& cancels,
            const table_choice& choice, const connectors& plugins)
      : file_(file), store_(store), cancels_(cancels), choice_(choice), plugins_(plugins),
        source_(plugins.make_source(file)) {
    cancels_.add([s = source_] { s->cancel(); });
  }

  assembly run(const std::string& until) {
    identify();
    open_sinks();
    auto point = find_restart_point(store_, out_.identity.id, stands_);
    requests_ = store_.resnapshots();
    const auto routes_before =
        point.from ? point.from->routes : std::map<std::string, std::string>();
    if (point.from) let_go_of_routes(*point.from, requests_);
    const checkpoint* known = point.from ? &*point.from : nullptr;
    plan_tables(source_->tables(), known, routes_before);
    forget_columns_of_edited(routes_before);
    const auto keep_identity = [this] { store_.set_identity(out_.identity); };
    const auto confirmed = source_->prepare(out_.identity, out_.plan.tables, keep_identity);
    keep_identity();
    start_operators(point); // before a checkpoint knows their routes
    if (known == nullptr) {
      out_.start = first_checkpoint(confirmed, out_.plan, out_.sinks);
      store_.save(out_.start);
    } else {
      go_on(point, confirmed);
    }
    start_sinks();
    start_snapshots(point, source_->stamps(out_.plan.tables));
    crash_point("start_prepared");
    save_start();
    crash_point("start_saved");
    if (out_.operators) out_.operators->keep(operators_of(out_.plan.routes));
    open_streams();
    find_until(until);
    out_.origin = source_;
    return std::move(out_);
  }

 private:
  void identify() {
    const auto was = store_.identity();
    if (was) {
      check_name(*was, file_);
      out_.identity = *was;
    } else {
      out_.identity.id = random_id();
    }
    out_.identity.name = file_.name;
    auto is = out_.identity;
    source_->identify(is);
    if (was && was->system_id != 0) check_source(*was, is);
    out_.identity = is;
    if (!was) store_.set_identity(out_.identity);
  }

  void plan_tables(const std::vector<source_table>& catalog, const checkpoint* known,
                   const std::map<std::string, std::string>& routes_before) {
    if (!choice_.kept) return make_plan_of(catalog, known, routes_before);
    const auto with = [&](const std::vector<source_table>& joined) {
      auto tables = kept_tables(catalog, choice_, joined);
      tables.insert(tables.end(), joined.begin(), joined.end());
      make_plan_of(std::move(tables), known, routes_before);
    };
    auto joining = admit(joining_tables(catalog, choice_), [&](const auto& joined) {
      try {
        with(joined);
        return std::optional<error>();
      } catch (const error& e) {
        return std::optional<error>(e);
      }
    });
    out_.refused = std::move(joining.refused);
    with(joining.taken);
  }

  void make_plan_of(std::vector<source_table> catalog, const checkpoint* known,
                    const std::map<std::string, std::string>& routes_before) {
    auto tables = planned_tables(std::move(catalog), known);
    std::map<oid, schema_ptr> now;
    for (const auto& t : tables) now[t.schema->id] = t.schema;
    plan_by_old_names(tables, choice_);
    out_.plan = make_plan(file_, tables, plugins_.transforms);
    out_.planned.clear();
    for (const auto& schema : out_.plan.tables) out_.planned[schema->id] = schema;
    follow_renames(out_.plan, now);
    keep_progress_names(out_.plan.routes, routes_before);
    out_.route_fingerprints = fingerprints(out_.plan.routes);
    // What requests let go of may change.
    if (known != nullptr) refuse_changed_routes(known->routes, out_.route_fingerprints);
  }

  void open_sinks() {
    std::map<std::string, std::string> places;
    for (const auto& options : file_.sinks) {
      opened_sink s{options.name, options.connector, plugins_.make_sink(file_, options), {}};
      cancels_.add([target = s.target] { target->cancel(); });
      auto progress = s.target->open();
      check_distinct(places, s.target->identity(), s.name, file_);
      stands_.push_back({s.name, s.target->keeps_progress(), progress});
      s.progress = progress.value_or(target_progress{});
      s.progress.pipeline_id = out_.identity.id;
      out_.sinks.push_back(std::move(s));
    }
  }

  /// R12: the table of a route that was edited has to fit it as it is; what it had of the route
  /// before leads nowhere.
  void forget_columns_of_edited(const std::map<std::string, std::string>& before) {
    for (const auto& r : out_.plan.routes) {
      const auto was = before.find(r->full_name());
      if (was == before.end()) continue;
      if (compare_fingerprints(was->second, out_.route_fingerprints.at(r->full_name())).empty())
        continue;
      for (auto& s : out_.sinks)
        if (s.name == r->sink) s.progress.columns.erase(r->progress_name());
    }
  }

  void go_on(const restart_point& point, wal_lsn confirmed) {
    out_.start = *point.from;
    out_.last_epoch = point.last_epoch;
    check_slot_position(out_.start.resume, confirmed);
    for (const auto& s : point.removed_sinks)
      out_.notes.push_back("sink " + s
                           + " is not in the file any more: it is let go, its tables stay");
    for (const auto& [name, fingerprint] : out_.start.routes) {
      const auto sink = name.substr(0, name.find('/'));
      if (out_.route_fingerprints.contains(name) || contains(point.removed_sinks, sink)) continue;
      out_.notes.push_back("the route to " + name
                           + " is gone from the file, or its table from the source: it is let go, "
                             "what it wrote stays");
    }
  }

  static bool contains(const std::vector<std::string>& names, const std::string& name) {
    return std::find(names.begin(), names.end(), name) != names.end();
  }

  /// R3: the state of transforms becomes what each target shows.
  void start_operators(const restart_point& point) {
    const auto wanted = operators_of(out_.plan.routes);
    const auto log = store_.operators(!wanted.empty());
    if (!log) return;
    out_.operators = std::make_shared<operator_store>(log);
    check_operators(&*out_.operators, out_.plan.routes, point.from, stands_, file_);
    std::map<std::string, epoch_id> at;
    for (const auto& s : out_.sinks) {
      const bool remembers = s.target->keeps_progress();
      at[s.name] = remembers ? s.progress.epoch : point.from ? point.from->epoch : 0;
      out_.operators->undo(s.name, at[s.name]);
      out_.operators->stands_at(s.name, remembers ? s.progress.epoch : operator_store::any);
    }
    out_.operators->make(wanted, at);
  }

  void start_sinks() {
    for (auto& s : out_.sinks) {
      if (!s.target->keeps_progress()) {
        s.progress.epoch = out_.start.epoch;
        s.progress.position = out_.start.position;
      }
      out_.last_epoch = std::max(out_.last_epoch, s.progress.epoch);
      out_.sink_starts.push_back({s.name, s.progress});
    }
    for (auto& [table, state] : out_.start.snapshots) let_go_of_passed(table, state);
    for (auto& s : out_.sink_starts) {
      if (!s.at.consistent) continue;
      out_.start.missing.erase(s.name);
      s.at.consistent = !awaits_snapshot(s.name);
    }
  }

  const target_progress& progress_of(const std::string& sink) const {
    return std::find_if(out_.sinks.begin(), out_.sinks.end(),
                        [&](const opened_sink& s) { return s.name == sink; })
        ->progress;
  }

  /// The snapshot of the route's table is under way, for this route too.
  static bool waits_for(const route& r, const table_snapshot& state) {
    return state.phase != snapshot_phase::finished
           && takes_part(r.sink, r.progress_name(), state.sinks);
  }

  std::vector<route_ptr> taking_part(oid table, const table_snapshot& state) const {
    std::vector<route_ptr> out;
    for (const auto& r : out_.plan.routes)
      if (r->schema->id == table && waits_for(*r, state)) out.push_back(r);
    return out;
  }

  /// A target that is ahead of the checkpoint may have passed a snapshot that is under way in it,
  /// and missing rows with it: it was consistent after it had heard of it.
  void let_go_of_passed(oid table, table_snapshot& state) const {
    std::vector<std::string> left;
    bool passed = false;
    for (const auto& r : taking_part(table, state)) {
      const auto& held = progress_of(r->sink);
      const bool read = is_read_for(r->sink, r->progress_name(), state.sinks);
      const bool unbegun = read && held.last_generation(r->progress_name()) < state.generation;
      const auto name = read ? r->full_name() : r->sink;
      if (held.consistent && !unbegun)
        passed = true;
      else if (!contains(left, name))
        left.push_back(name);
    }
    if (!passed) return;
    state.sinks = std::move(left);
    if (!state.sinks.empty()) return;
    state.phase = snapshot_phase::finished;
    state.chunks.clear();
    state.touched.clear();
    state.seen.reset();
  }

  bool awaits_snapshot(const std::string& sink) const {
    return std::any_of(out_.plan.routes.begin(), out_.plan.routes.end(), [&](const route_ptr& r) {
      const auto s = out_.start.snapshots.find(r->schema->id);
      return r->sink == sink && s != out_.start.snapshots.end() && waits_for(*r, s->second);
    });
  }

  void start_snapshots(const restart_point& point, const std::map<oid, table_stamp>& stamps) {
    out_.spill = std::make_shared<spill_area>(file_.state / "spill", file_.spill);
    snapshot_driver::options o;
    o.spill = out_.spill;
    o.ahead = file_.source.readers + 1U;
    o.key_bytes = file_.memory / 8;
    o.missing_bytes = file_.memory / 16;
    out_.snapshots = std::make_unique<snapshot_driver>(o);
    for (const auto& schema : out_.plan.tables) {
      const auto known = out_.start.snapshots.find(schema->id);
      const bool read = known != out_.start.snapshots.end() && !known->second.is_unread();
      if (!read && (reads_tables() || requested(schema->id)))
        begin(schema, 0, {});
      else if (known == out_.start.snapshots.end())
        out_.snapshots->restore(schema, table_snapshot::unread());
      else
        go_on_with(schema, known->second, point.from.has_value(), stamps);
    }
    for (const auto& [table, stamp] : stamps) out_.snapshots->follow_stamp(table, stamp);
  }

  /// The rows that the targets have of it are not those that the stream goes on from.
  bool lost_changes(const schema_ptr& schema, const table_stamp& now) {
    const auto change = out_.snapshots->follow_stamp(schema->id, now);
    if (change == unstreamed_change::none) return false;
    out_.notes.push_back(schema->qualified_name() + ": " + to_string(change)
                         + ": it is read again");
    return true;
  }

  bool reads_tables() const { return file_.source.mode != snapshot_mode::never; }

  void go_on_with(const schema_ptr& schema, const table_snapshot& state, bool later,
                  const std::map<oid, table_stamp>& stamps) {
    out_.snapshots->restore(schema, state);
    if (!state.is_unread())
      out_.snapshots->note_held(schema->id, held_chunk(schema->id, state.generation));
    const auto stamp = stamps.find(schema->id);
    if (stamp != stamps.end() && lost_changes(schema, stamp->second))
      begin(schema, state.generation, {});
    else if (later)
      begin_anew(schema, state);
  }

  /// The last chunk of this generation that any target has.
  std::uint64_t held_chunk(oid table, std::uint32_t generation) const {
    std::uint64_t last = 0;
    for (const auto& r : out_.plan.routes) {
      const auto& held = progress_of(r->sink);
      if (r->schema->id == table && held.last_generation(r->progress_name()) == generation)
        last = std::max(last, held.last_chunk.at(r->progress_name()) & 0xffffffff);
    }
    return last;
  }

  bool requested(oid table) const {
    return std::any_of(requests_.begin(), requests_.end(),
                       [&](const resnapshot_request& r) { return r.table == table; });
  }

  /// The checkpoint that is gone back to, under a number that no target names yet: whatever was
  /// written after it is never gone back to.
  void save_start() {
    out_.start.epoch = ++out_.last_epoch;
    out_.start.routes = out_.route_fingerprints;
    out_.start.sink_epochs.clear();
    for (const auto& s : out_.sinks) out_.start.sink_epochs[s.name] = s.progress.epoch;
    out_.start.snapshots = out_.snapshots->state();
    out_.start.schemas.clear();
    for (const auto& schema : out_.plan.tables) out_.start.schemas[schema->id] = schema;
    store_.save(out_.start);
    store_.prune(out_.start.epoch);
    std::vector<std::uint64_t> begun;
    for (const auto& r : requests_) begun.push_back(r.number);
    store_.forget_resnapshots(begun);
  }

  /// Snapshots that begin take back what readers of these targets were promised. `last`: the
  /// table's last generation as the checkpoint knows it; a target may know of later ones, of a time
  /// when the table had been let go.
  void begin(const schema_ptr& schema, std::uint32_t last, std::vector<std::string> targets) {
    targets = targets_of_sinks(targets, out_.plan.routes, schema->id);
    for (const auto& r : out_.plan.routes) {
      if (r->schema->id != schema->id || !takes_part(r->sink, r->progress_name(), targets))
        continue;
      for (auto& s : out_.sink_starts)
        if (s.name == r->sink) s.at.consistent = false;
    }
    for (const auto& r : out_.plan.routes)
      if (r->schema->id == schema->id)
        last = std::max(last, progress_of(r->sink).last_generation(r->progress_name()));
    out_.snapshots->begin(schema, last + 1, std::move(targets));
  }

  /// R12: targets that the checkpoint does not know get the table's rows, without the others; but
  /// for those that an unfinished snapshot is for. So do targets in the midst of a snapshot that
  /// began after the checkpoint.
  void begin_anew(const schema_ptr& schema, const table_snapshot& state) {
    std::vector<std::string> targets;
    for (const auto& r : out_.plan.routes) {
      if (r->schema->id != schema->id) continue;
      const auto name = r->full_name();
      const auto& held = progress_of(r->sink);
      const bool in_later =
          !held.consistent && held.last_generation(r->progress_name()) > state.generation;
      const bool unknown = !state.is_unread() && !out_.start.routes.contains(name);
      if (in_later || unknown) targets.push_back(name);
    }
    if (targets.empty()) return;
    if (state.phase != snapshot_phase::finished) {
      targets.insert(targets.end(), state.sinks.begin(), state.sinks.end());
      if (state.sinks.empty()) targets.clear();
    }
    begin(schema, state.generation, std::move(targets));
  }

  void open_streams() {
    out_.stream = source_->open_stream(out_.identity, {out_.start.position, out_.start.resume},
                                       out_.plan.tables, *out_.spill);
    for (std::uint32_t i = 0; i < file_.source.readers; ++i) {
      auto reader = source_->open_reader(out_.identity, out_.spill);
      cancels_.add([reader] { reader->cancel(); });
      out_.readers.push_back(std::move(reader));
    }
  }

  void find_until(const std::string& until) {
    if (file_.source.mode == snapshot_mode::only) out_.until = wal_lsn{};
    if (until.empty()) return;
    out_.until = until == "caught-up" ? source_->position() : parse_until(until);
  }

  const pipeline_file& file_;
  state_store& store_;
  cancel_list& cancels_;
  const table_choice& choice_;
  const connectors& plugins_;
  std::shared_ptr<source> source_;
  std::vector<target_stand> stands_;
  std::vector<resnapshot_request> requests_;
  assembly out_;
};

} // namespace

assembly assemble(const pipeline_file& file, state_store& store, const std::string& until,
                  cancel_list& cancels, const table_choice& choice, const connectors& plugins) {
  return assembler(file, store, cancels, choice, plugins).run(until);
}

} // namespace leat
