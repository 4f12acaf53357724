#include "actors/supervisor.hpp"

#include <algorithm>
#include <set>

#include "actors/assembly.hpp"
#include "actors/caf.hpp"
#include "actors/catalog_watch.hpp"
#include "actors/pipeline_wiring.hpp"
#include "actors/source_stage.hpp"
#include "actors/transaction_watch.hpp"
#include "actors/wiring.hpp"
#include "dataflow/crash_point.hpp"

namespace leat {

namespace {

using std::chrono::milliseconds;

constexpr milliseconds first_backoff{100};
constexpr milliseconds last_backoff{30000};
constexpr milliseconds stop_limit{8000};  ///< whoever asks waits for 10 s
constexpr milliseconds soonest_look{500}; ///< at the catalog again
constexpr milliseconds latest_look{30000};

/// Shares of limits.memory. What is left is for libpq's and the targets' own buffers.
struct memory_shares {
  credit_window source;
  credit_window sink;
  std::size_t sink_buffer;
  std::size_t sink_loads;   ///< as sink_resources::load_bytes
  std::size_t sink_missing; ///< as sink_resources::missing_bytes

  memory_shares(std::uint64_t memory, std::size_t sinks) {
    source.bytes = std::clamp<std::uint64_t>(memory / 32, 1U << 20, 4U << 20);
    sink.bytes = std::clamp<std::uint64_t>(memory / 32 / sinks, 1U << 20, 4U << 20);
    sink_buffer = std::max<std::size_t>(memory / 6 / sinks, 4U << 20);
    sink_loads = std::max<std::size_t>(memory / 8 / sinks, 4U << 20);
    sink_missing = memory / 32 / sinks;
  }
};

/// Tables that are not to change, nor to go.
std::set<oid> fixed_tables(const std::vector<route_ptr>& routes) {
  std::set<oid> fixed;
  for (const auto& r : routes)
    if (r->schema_changes == schema_policy::stop) fixed.insert(r->source()->id);
  return fixed;
}

std::string running_text(const assembly& parts) {
  const auto tables = parts.plan.tables.size();
  auto text = "running: slot " + parts.identity.slot + " from " + to_string(parts.start.resume)
              + ", " + std::to_string(tables) + (tables == 1 ? " table" : " tables") + " into ";
  for (const auto& s : parts.sinks)
    text += (&s == &parts.sinks.front() ? "" : ", ") + s.name + " (" + s.connector + ")";
  return text;
}

std::string and_more_tables(std::size_t n) {
  if (n == 0) return {};
  return " and " + std::to_string(n) + (n == 1 ? " more table" : " more tables");
}

class supervisor_impl : public stage<supervisor_actor> {
 public:
  supervisor_impl(caf::actor_config& config, supervisor_setup setup)
      : stage(config), setup_(std::move(setup)) {
    set_down_handler([this](const caf::down_msg& down) { stage_ended(down); });
  }

  const char* name() const override { return "leat.supervisor"; }

  behavior_type make_behavior() override {
    return {
        [this](const begin&) { start(); },
        [this](const stop_request& m) { stop(m.at_once); },
        [this](const stop_deadline& m) {
          if (m.run != run_) return;
          if (!stages_.empty())
            setup_.log(log_level::warn, "the open epoch takes too long: dropped");
          end_stages();
        },
        [this](const join_tables& m) { join(m); },
        [this](const resnapshot& m) { return ask_resnapshot(m); },
    };
  }

 protected:
  void release() override {
    stages_.clear();
    coordinator_ = nullptr;
    router_ = nullptr;
    setup_.store.reset();
    // end() has told already, unless something has thrown that nobody foresaw.
    if (const auto ended = std::exchange(setup_.ended, nullptr))
      ended(std::make_shared<const error>(error_kind::bug, "the supervisor has failed", "",
                                          "report this"));
  }

 private:
  supervisor_actor handle() { return caf::actor_cast<supervisor_actor>(this); }

  /// Between two tries nobody else uses the state, and the next one finds the request there.
  caf::result<bool> ask_resnapshot(const resnapshot& m) {
    if (coordinator_) return delegate(coordinator_, m);
    try {
      setup_.store->ask_resnapshot(m.table);
      return true;
    } catch (const error& e) {
      setup_.log(log_level::error, e.brief());
      return to_caf(e);
    }
  }

  void start() {
    failure_.reset();
    if (stopping_) return end();
    finished_ = false;
    ++run_;
    show("starting");
    watch(make_transaction_watch(
        system(), {another_source(), std::chrono::seconds(1), setup_.board, setup_.log}));
    try {
      setup_.cancels->clear();
      auto parts = assemble(setup_.file, *setup_.store, setup_.until, *setup_.cancels, tables_);
      for (const auto& note : parts.notes) setup_.log(log_level::warn, note);
      for (const auto& [id, why] : parts.refused) leave_out(id, why);
      const auto begun = running_text(parts);
      auto planned = parts.planned;
      spawn_stages(std::move(parts));
      tables_ = {std::move(planned), {}};
      show("running");
      setup_.log(log_level::info, begun);
    } catch (...) {
      failure_ = std::make_shared<const error>(from_caf(to_caf(std::current_exception())));
      give_up_joining();
      end_stages();
      if (stages_.empty()) all_ended();
    }
  }

  void join(const join_tables& m) {
    if (stopping_ || ending_ || finished_ || !coordinator_) return;
    const auto& first = m.tables.begin()->second->qualified_name();
    const auto others = m.tables.size() - 1;
    setup_.log(log_level::info, first + and_more_tables(others) + (others == 0 ? " joins" : " join")
                                    + ": the open epoch is finished first");
    tables_.joining = m.tables;
    joining_ = true;
    crash_point("join_asked");
    finish_epoch();
  }

  /// The tables that the catalog's watch has found to fit have failed it: a pipeline that has run
  /// does not end for tables that somebody has made, but goes on without them and says so.
  void give_up_joining() {
    if (failure_->transient()) return;
    joining_ = !tables_.joining.empty();
    for (const auto& [id, table] : tables_.joining) leave_out(id, *failure_);
    tables_.joining.clear();
  }

  void leave_out(oid id, const error& why) {
    const auto& table = tables_.joining.at(id);
    failed_.insert_or_assign(id, failed_join{table, why});
    setup_.log(log_level::warn, table->qualified_name() + " cannot join: " + why.brief());
  }

  void finish_epoch() {
    post(coordinator_, finish{});
    post_after(stop_limit, handle(), stop_deadline{run_});
  }

  void spawn_stages(assembly parts) {
    const memory_shares shares(setup_.file.memory, parts.sinks.size());
    for (const auto& s : parts.sinks)
      s.target->use({parts.spill, shares.sink_loads, shares.sink_missing});
    parts_spill_ = std::move(parts.spill);
    wiring_options o;
    o.source_window = shares.source;
    o.sink_window = shares.sink;
    o.sink_buffer = shares.sink_buffer;
    o.sink_missing = shares.sink_missing;
    o.interval = setup_.file.checkpoint_interval;
    o.store = setup_.store;
    o.board = setup_.board;
    o.log = setup_.log;
    o.make_source = [&](const router_actor& router) {
      return make_source_stage(system(), std::move(parts.stream), router, shares.source,
                               parts.start.resume, setup_.board, setup_.log);
    };
    o.watch = [this](const caf::strong_actor_ptr& s) { watch(s); };
    auto looking = watching(std::move(parts.origin), parts.planned);
    looking.kept = fixed_tables(parts.plan.routes);
    auto wired = wire_pipeline(system(), parts, o);
    watch(make_catalog_watch(system(), std::move(looking)));
    coordinator_ = std::move(wired.coordinator);
    router_ = std::move(wired.router);
  }

  template <class Stage>
  void watch(const Stage& made) {
    const auto s = caf::actor_cast<caf::strong_actor_ptr>(made);
    monitor(s);
    stages_.insert(s);
  }

  std::function<std::shared_ptr<source>()> another_source() const {
    return [file = setup_.file] { return built_in_connectors().make_source(file); };
  }

  catalog_watch_setup watching(std::shared_ptr<source> origin, std::map<oid, schema_ptr> captured) {
    catalog_watch_setup w;
    w.origin = std::move(origin);
    w.plugins = built_in_connectors();
    w.captured = std::move(captured);
    w.failed = failed_;
    w.file = setup_.file;
    w.ends = !setup_.until.empty() || setup_.file.source.mode == snapshot_mode::only;
    w.interval =
        std::clamp<milliseconds>(setup_.file.checkpoint_interval * 30, soonest_look, latest_look);
    w.board = setup_.board;
    w.log = setup_.log;
    w.supervisor = handle();
    return w;
  }

  void stage_ended(const caf::down_msg& down) {
    const auto ended = std::find_if(stages_.begin(), stages_.end(),
                                    [&](const auto& s) { return s->address() == down.source; });
    if (ended == stages_.end()) return;
    const bool was_coordinator = coordinator_ && down.source == coordinator_.address();
    stages_.erase(ended);
    if (was_coordinator && !down.reason && !failure_) finished_ = true;
    if (down.reason && down.reason != caf::exit_reason::user_shutdown && !failure_ && !finished_)
      failure_ = std::make_shared<const error>(from_caf(down.reason));
    end_stages();
    if (stages_.empty()) all_ended();
  }

  void end_stages() {
    if (std::exchange(ending_, true)) return;
    setup_.cancels->cancel_all();
    for (const auto& s : stages_)
      caf::anon_send_exit(caf::actor_cast<caf::actor>(s), caf::exit_reason::user_shutdown);
  }

  void all_ended() {
    ending_ = false;
    coordinator_ = nullptr;
    router_ = nullptr;
    parts_spill_.reset();
    if (std::exchange(joining_, false) && !stopping_ && may_join()) {
      show("starting");
      post(handle(), begin{});
      return;
    }
    if (finished_ || (stopping_ && (!failure_ || failure_->transient()))) {
      failure_.reset();
      return end();
    }
    if (!failure_ || !failure_->transient() || stopping_) return end();
    const auto backoff = next_backoff();
    const auto& remedy = failure_->remedy();
    setup_.log(log_level::warn, failure_->brief() + "; beginning again in "
                                    + std::to_string(backoff.count()) + " ms"
                                    + (remedy.empty() ? "" : "; remedy: " + remedy));
    show("restarting", failure_->brief());
    post_after(backoff, handle(), begin{});
  }

  /// Doubles until all targets have come further, or nothing has failed for a minute.
  milliseconds next_backoff() {
    const auto now = std::chrono::steady_clock::now();
    const auto confirmed = setup_.board->read().confirmed;
    const bool ran_well = confirmed > confirmed_ || now - last_failure_ > std::chrono::minutes(1);
    confirmed_ = confirmed;
    last_failure_ = now;
    if (ran_well) backoff_ = first_backoff;
    return std::exchange(backoff_, std::min(backoff_ * 2, last_backoff));
  }

  /// What failed while the epoch was finished, or with tables that are left out now, is past.
  bool may_join() const { return !failure_ || failure_->transient() || tables_.joining.empty(); }

  void stop(bool at_once) {
    stopping_ = true;
    show("stopping");
    setup_.log(log_level::info, at_once ? "stopping: the open epoch is dropped"
                                        : "stopping: the open epoch is finished");
    if (stages_.empty()) {
      // Between two tries: what failed the last one was to be tried again.
      failure_.reset();
      setup_.cancels->cancel_all();
      return end();
    }
    if (at_once || !coordinator_) return end_stages();
    finish_epoch();
  }

  void end() {
    setup_.cancels->clear(); // the last hold on source and targets: they are closed now
    show("stopped", failure_ ? failure_->brief() : "");
    setup_.store.reset(); // who is told may begin anew on this state at once
    if (const auto ended = std::exchange(setup_.ended, nullptr)) ended(failure_);
    quit();
  }

  void show(std::string state, std::string message = {}) {
    setup_.board->update([&](pipeline_status& s) {
      s.state = std::move(state);
      s.open_transactions.clear();
      s.message = std::move(message);
    });
  }

  supervisor_setup setup_;
  std::set<caf::strong_actor_ptr> stages_;
  coordinator_actor coordinator_;
  router_actor router_;
  std::shared_ptr<spill_area> parts_spill_;
  std::shared_ptr<const error> failure_; ///< of this run: the first
  table_choice tables_;
  std::map<oid, failed_join> failed_; ///< in this process
  bool joining_ = false;              ///< the next beginning follows at once
  std::uint64_t run_ = 0;             ///< counts beginnings
  bool finished_ = false;
  bool stopping_ = false;
  bool ending_ = false;
  milliseconds backoff_ = first_backoff;
  wal_lsn confirmed_{}; ///< at the last failure
  std::chrono::steady_clock::time_point last_failure_{};
};

} // namespace

supervisor_actor make_supervisor(caf::actor_system& system, supervisor_setup setup) {
  return system.spawn<supervisor_impl, caf::detached>(std::move(setup));
}

} // namespace leat
