#include "actors/sink_stage.hpp"

#include <algorithm>
#include <numeric>
#include <set>
#include <utility>

#include "actors/caf.hpp"
#include "dataflow/crash_point.hpp"
#include "dataflow/row_maker.hpp"
#include "dataflow/table_columns.hpp"

namespace leat {

namespace {

class sink_stage_impl : public stage<sink_actor> {
 public:
  sink_stage_impl(caf::actor_config& config, sink_setup setup)
      : stage(config), setup_(std::move(setup)), missing_(setup_.missing_bytes) {
    gate_.open(setup_.channel, setup_.window);
    if (setup_.operators)
      states_ = std::make_unique<operator_states>(std::move(setup_.operators), setup_.name,
                                                  setup_.operators_at);
    writers_.resize(setup_.routes.size(), nullptr);
    row_makers_.resize(setup_.routes.size());
    for (const auto& r : setup_.routes)
      if (r->sink == setup_.name) attach(r);
    show();
  }

  const char* name() const override { return "leat.sink"; }

  behavior_type make_behavior() override {
    return {
        [this](const attach_router& m) { router_ = m.router; },
        [this](const frame& f) {
          gate_.push(f);
          work_off();
        },
        [this](const commit_epoch& m) {
          if (!prepared_ || prepared_->epoch != m.epoch)
            throw error(error_kind::bug, "epoch " + std::to_string(m.epoch) + " is not prepared",
                        "sink " + setup_.name, "report this");
          commit();
          work_off();
        },
    };
  }

 protected:
  void release() override {
    writers_.clear();
    row_makers_.clear();
    states_.reset();
    setup_.target.reset();
    setup_.coordinator = nullptr;
    router_ = nullptr;
  }

 private:
  void work_off() {
    while (auto f = gate_.next()) {
      std::visit([this](const auto& content) { take(content); }, f->content);
      if (const auto due = gate_.done(*f); due && router_) post(router_, *due);
    }
  }

  auto to_writer(route_id id) {
    return [this, id](const batch_ptr& rows, std::span<const std::uint32_t> changes) {
      writer_of(id).write(rows, changes);
    };
  }

  auto to_dead_letters() {
    return [this](const dead_letter& letter) { setup_.target->keep(letter); };
  }

  void take(const routed_ptr& rows) {
    for (const auto& s : rows->slices) {
      row_makers_[s.route].take(rows->rows, s.changes, to_writer(s.route), to_dead_letters());
      changes_ += s.changes.size();
    }
    if (states_) states_->write();
    last_commit_ = std::max(last_commit_, rows->rows->transactions.back().commit);
    std::size_t buffered = 0;
    for (const auto* w : writers_)
      if (w != nullptr) buffered += w->buffered();
    if (buffered > setup_.buffer_bytes) return flush();
    if (buffered > setup_.buffer_bytes / 2) end_epoch_soon();
  }

  /// Leaves room for what comes until the barrier does: both channels may be full.
  void end_epoch_soon() {
    if (ends_soon_ || !setup_.target->gathers_epochs()) return;
    ends_soon_ = true;
    post(setup_.coordinator, hurry{});
  }

  /// What a route's transforms still have, and the rows that they asked for.
  void end_chain(route_id id, commit_lsn position) {
    row_makers_[id].flush(position, to_writer(id), to_dead_letters());
    for (auto& key : row_makers_[id].take_asked())
      missing_.add(setup_.routes[id]->schema->id, std::move(key));
  }

  void take(const route_changed& change) {
    const auto id = change.after->id;
    end_chain(id, last_commit_);
    writers_[id]->flush();
    setup_.routes[id] = change.after;
    make_rows_of(change.after);
    outdated_.insert(id);
    std::erase(changed_, id);
    changed_.push_back(id);
  }

  /// Changes of the tables' columns that have come, in their order: those of one target that
  /// several tables feed depend on it.
  void follow_changes() {
    for (const auto id : std::exchange(changed_, {})) follow(id);
  }

  void follow(route_id id) {
    if (outdated_.erase(id) != 0) writers_[id]->change_schema(setup_.routes[id]);
  }

  /// R7: a table gets other columns when the first row is to be written in them. Until the stream
  /// has come to where the target stands there is none, and the table may be ahead of the route.
  writer& writer_of(route_id id) {
    if (!changed_.empty()) follow_changes();
    if (!outdated_.empty()) follow(id);
    return *writers_[id];
  }

  void attach(const route_ptr& r) {
    const auto found = setup_.progress.columns.find(r->progress_name());
    const auto stands = found == setup_.progress.columns.end() ? r : as_recorded(r, found->second);
    if (stands != r) outdated_.insert(r->id);
    writers_[r->id] = &setup_.target->attach(stands);
    make_rows_of(r);
  }

  void make_rows_of(const route_ptr& r) {
    row_makers_[r->id] =
        row_maker(r, [this](const route& of, std::size_t place, const std::string& name) {
          return &states_->open(name_of(of, place, name));
        });
  }

  void take(const snapshot_event& event) {
    auto& w = *writers_[event.route];
    using kind = snapshot_event::kind;
    if (event.what == kind::begun || event.what == kind::chunk) {
      auto& last = setup_.progress.last_chunk[setup_.routes[event.route]->progress_name()];
      last = std::max(last, std::uint64_t{event.generation} << 32 | event.chunk);
    }
    if (event.what == kind::chunk) return finish_chunk(event);
    end_chain(event.route, last_commit_);
    w.flush();
    if (event.what == kind::begun) {
      w.begin_snapshot(event.generation);
      begin_states(*setup_.routes[event.route], event.generation);
    } else if (event.what == kind::finished) {
      w.finish_snapshot(event.generation);
    } else {
      w.give_up_snapshot(event.generation);
    }
  }

  void finish_chunk(const snapshot_event& event) {
    auto& w = *writers_[event.route];
    if (!w.takes_chunks()) return;
    end_chain(event.route, last_commit_);
    w.finish_chunk(event.generation, event.chunk);
  }

  void take(const barrier& b) {
    if (!b.commits) {
      if (states_) states_->pass(b.epoch, false);
      return;
    }
    ends_soon_ = false;
    for (route_id id = 0; id < row_makers_.size(); ++id) end_chain(id, b.position);
    if (b.position >= setup_.progress.position) follow_changes();
    if (states_) {
      states_->pass(b.epoch, true);
      crash_point("operators_synced");
    }
    wait_for(wait_reason::target);
    for (auto& [id, rows] : setup_.target->prepare()) note_missing(*setup_.routes[id], rows);
    prepared_ = b;
    sink_prepared message{setup_.name, b.epoch, {}};
    if (!missing_.empty()) {
      message.missing.emplace(setup_.name, missing_.take());
      ++missing_reports_;
    }
    // The router cannot have known of these rows when it called the epoch consistent.
    if (missing_reports_ > b.missing_known) prepared_->consistent = false;
    gate_.hold(true);
    post(setup_.coordinator, std::move(message));
    wait_for(wait_reason::checkpoint);
  }

  static operator_name name_of(const route& r, std::size_t place, const std::string& transform) {
    return {r.sink, r.progress_name(), r.schema->id, static_cast<std::uint32_t>(place), transform};
  }

  /// What transforms keep is of rows that are read again. A table without a key comes whole each
  /// time.
  void begin_states(const route& r, std::uint32_t generation) {
    if (!r.chain) return;
    const bool anew = r.mode == route_mode::upsert && r.source()->key.empty();
    for (std::size_t i = 0; i < r.chain->steps.size(); ++i)
      if (const auto& step = r.chain->steps[i]; step.gives.keeps_state)
        states_->begin_snapshot(name_of(r, i, step.is.name), generation, anew);
    // What they remember of it in memory goes, too.
    make_rows_of(setup_.routes[r.id]);
  }

  void take(const batch_ptr&) { misrouted(); }
  void take(const source_reconnected&) { misrouted(); }
  void take(const end_of_stream&) {}

  [[noreturn]] void misrouted() const {
    throw error(error_kind::bug, "a frame of the source reached a sink", "sink " + setup_.name,
                "report this");
  }

  void note_missing(const route& r, const missing_rows& rows) {
    if (rows.whole) missing_.add(r.schema->id, rows);
    for (const auto& key : rows.keys) missing_.add(r.schema->id, key_at_source(r, key));
  }

  /// The source is asked by its own key.
  static std::vector<std::string> key_at_source(const route& r,
                                                const std::vector<std::string>& at_target) {
    if (auto key = r.key_at_source(at_target)) return std::move(*key);
    throw error(error_kind::sink,
                "a row is to be completed from the source, and the route's key does not say which",
                r.schema->qualified_name() + " to " + r.target,
                "ALTER TABLE ... REPLICA IDENTITY FULL, or take the table's key into the route's");
  }

  void flush() {
    wait_for(wait_reason::target);
    for (auto* w : writers_)
      if (w != nullptr) w->flush();
    wait_for(wait_reason::none);
  }

  void commit() {
    const auto b = *prepared_;
    auto next = setup_.progress;
    next.epoch = b.epoch;
    next.position = std::max(next.position, b.position);
    next.consistent = b.consistent;
    wait_for(wait_reason::target);
    crash_point("target_commit_before");
    setup_.target->commit(next);
    crash_point("target_commit_after");
    if (next.consistent && !setup_.progress.consistent)
      setup_.log(log_level::info, "sink " + setup_.name + " is consistent");
    setup_.progress = std::move(next);
    if (states_) states_->committed(b.epoch);
    prepared_.reset();
    gate_.hold(false);
    post(setup_.coordinator, sink_committed{setup_.name, b.epoch, setup_.target->pace()});
    waits_ = wait_reason::none;
    show();
  }

  void wait_for(wait_reason reason) {
    waits_ = reason;
    setup_.board->update([&](pipeline_status& s) { s.sinks[setup_.name].waits = reason; });
  }

  void show() {
    setup_.board->update([&](pipeline_status& s) {
      auto& shown = s.sinks[setup_.name];
      shown.progress = setup_.progress;
      shown.changes = changes_;
      if (states_) shown.states = states_->sizes();
      shown.waits = waits_;
    });
  }

  sink_setup setup_;
  input_gate gate_;
  std::vector<writer*> writers_;            ///< by route id; null for routes of other sinks
  std::unique_ptr<operator_states> states_; ///< null: no transform keeps any
  std::vector<row_maker> row_makers_;       ///< by route id
  missing_gatherer missing_; ///< keys at the source, by its table, since the last barrier
  commit_lsn last_commit_{};
  std::set<route_id> outdated_;   ///< the writer has other columns than the route
  std::vector<route_id> changed_; ///< of them, those that the stream has told of, in its order
  std::optional<barrier> prepared_;
  bool ends_soon_ = false; ///< an early barrier was asked for
  router_actor router_;
  std::uint64_t missing_reports_ = 0;
  std::uint64_t changes_ = 0;
  wait_reason waits_ = wait_reason::none;
};

} // namespace

sink_actor make_sink_stage(caf::actor_system& system, sink_setup setup) {
  const auto runs = setup.runs;
  return spawn_stage<sink_stage_impl>(system, runs, std::move(setup));
}

} // namespace leat
