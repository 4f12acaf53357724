#include "actors/coordinator.hpp"

#include <algorithm>
#include <vector>

#include "actors/caf.hpp"
#include "actors/wiring.hpp"
#include "dataflow/crash_point.hpp"
#include "dataflow/epoch_ledger.hpp"

namespace leat {

namespace {

using std::chrono::milliseconds;

/// Epochs under way at once: the next may fill while the last is committed.
constexpr std::size_t max_open_epochs = 2;

class coordinator_impl : public stage<coordinator_actor> {
 public:
  coordinator_impl(caf::actor_config& config, coordinator_setup setup)
      : stage(config), setup_(std::move(setup)), ledger_(setup_.last_epoch),
        confirmed_(setup_.resume) {}

  const char* name() const override { return "leat.coordinator"; }

  behavior_type make_behavior() override {
    return {
        [this](const coordinator_peers& peers) {
          peers_ = peers;
          for (const auto& [sink, pace] : setup_.paces) take_pace(sink, pace);
          cut_epoch(true);
          post_after(pace(), handle(), tick{});
        },
        [this](const tick&) {
          cut_epoch(pressed_ || snapshots_active_ || finishing_ || setup_.until.has_value());
          post_after(pace(), handle(), tick{});
        },
        [this](const hurry&) { cut_epoch(true); },
        [this](const epoch_cut& cut) { write_checkpoint(cut); },
        [this](const sink_prepared& m) { sink_is_prepared(m); },
        [this](const sink_committed& m) { sink_has_committed(m); },
        [this](const finish&) {
          finishing_ = true;
          cut_epoch(true);
        },
        [this](const resnapshot& m) {
          const auto number = setup_.store->ask_resnapshot(m.table);
          post(peers_.router, resnapshot{m.table, number});
          return true;
        },
    };
  }

 protected:
  void release() override {
    peers_ = coordinator_peers{};
    setup_.store.reset();
    setup_.operators.reset();
  }

 private:
  /// Somebody waits for the end of --until: a long interval is no reason to wait longer.
  milliseconds pace() const {
    const auto own = setup_.until ? std::min(setup_.interval, milliseconds(200)) : setup_.interval;
    return std::max(own, target_pace());
  }

  /// Of the slowest target.
  milliseconds target_pace() const {
    milliseconds slowest{};
    for (const auto& [sink, pace] : paces_) slowest = std::max(slowest, pace);
    return slowest;
  }

  bool too_early() const {
    return !finishing_ && std::chrono::steady_clock::now() - last_cut_ < target_pace();
  }

  void take_pace(const std::string& sink, milliseconds pace) {
    auto& known = paces_[sink];
    if (known == pace) return;
    const bool longer = pace > known;
    known = pace;
    setup_.board->update([&](pipeline_status& s) { s.sinks[sink].pace = pace; });
    if (pace > setup_.interval)
      setup_.log(longer ? log_level::warn : log_level::info,
                 "epochs are at least " + std::to_string(pace.count()) + " ms long: sink " + sink
                     + " does not keep up with shorter ones");
    else
      setup_.log(log_level::info, "sink " + sink + " keeps up with checkpoint.interval again");
  }

  coordinator_actor handle() { return caf::actor_cast<coordinator_actor>(this); }

  /// Asks for one more barrier unless one is wanted still: the source cuts it when something has
  /// passed, or at once with `force`.
  void cut_epoch(bool force) {
    if (!peers_.source) return;
    if (uncut_ == 0 && ledger_.open_count() >= max_open_epochs) {
      pressed_ |= force;
      return;
    }
    if (uncut_ == 0 && too_early()) {
      pressed_ |= force;
      return;
    }
    if (uncut_ != 0 && !force) return;
    if (uncut_ == 0) uncut_ = ledger_.open();
    last_cut_ = std::chrono::steady_clock::now();
    pressed_ = false;
    if (finishing_ && finish_at_ == 0) finish_at_ = uncut_;
    post(peers_.source, cut_barrier{uncut_, force});
  }

  void write_checkpoint(const epoch_cut& cut) {
    auto state = *cut.state;
    if (state.epoch == uncut_) uncut_ = 0;
    auto& begun = begun_[state.epoch];
    begun.insert(begun.end(), cut.begun.begin(), cut.begun.end());
    std::set<std::string> committing;
    for (const auto& [sink, commits] : cut.commits) {
      if (!commits) continue;
      committing.insert(sink);
      setup_.sinks[sink] = state.epoch;
    }
    state.sink_epochs = setup_.sinks;
    add_unacknowledged(state);
    snapshots_active_ = cut.snapshots_active || !unacknowledged_.empty();
    settled_[state.epoch] = unacknowledged_.empty()
                            && std::all_of(cut.consistent.begin(), cut.consistent.end(),
                                           [](const auto& c) { return c.second; });
    crash_point("checkpoint_before");
    setup_.store->save(state);
    crash_point("checkpoint_after");
    setup_.board->update([&](pipeline_status& s) {
      s.epoch = state.epoch;
      s.position = state.position;
      s.passed = state.resume;
      s.lag.cut(state.epoch, state.resume, committing);
    });
    for (const auto& sink : ledger_.durable(state.epoch, state.resume, committing))
      let_commit(sink, state.epoch);
    complete();
  }

  void sink_is_prepared(const sink_prepared& m) {
    if (!m.missing.empty()) {
      // Barriers up to the last that was asked for may pass the router before it learns of them.
      setup_.store->add_missing(ledger_.last(), m.missing);
      post(peers_.router, rows_missing{m.missing});
      unacknowledged_.push_back({ledger_.last(), m.missing});
      snapshots_active_ = true;
      for (auto& [epoch, settled] : settled_) settled = settled && epoch < m.epoch;
    }
    if (ledger_.prepared(m.epoch, m.sink)) let_commit(m.sink, m.epoch);
  }

  /// Barriers that were asked for before the router learnt of missing rows pass without them.
  void add_unacknowledged(checkpoint& state) {
    std::erase_if(unacknowledged_, [&](const auto& u) { return u.first < state.epoch; });
    for (const auto& [until, missing] : unacknowledged_) add(state.missing, missing);
  }

  void let_commit(const std::string& sink, epoch_id epoch) {
    post(peers_.sinks.at(sink), commit_epoch{epoch});
  }

  void sink_has_committed(const sink_committed& m) {
    ledger_.committed(m.epoch, m.sink);
    take_pace(m.sink, m.pace);
    setup_.board->update([&](pipeline_status& s) { s.lag.committed(m.sink, m.epoch); });
    complete();
  }

  /// No restart goes back before `epoch`, so that these snapshots cannot be forgotten any more.
  void forget_begun(epoch_id epoch) {
    std::vector<std::uint64_t> numbers;
    const auto end = begun_.upper_bound(epoch);
    for (auto b = begun_.begin(); b != end; ++b)
      numbers.insert(numbers.end(), b->second.begin(), b->second.end());
    begun_.erase(begun_.begin(), end);
    if (!numbers.empty()) setup_.store->forget_resnapshots(numbers);
  }

  void complete() {
    const auto complete_epoch = ledger_.take_completed();
    if (!complete_epoch) return;
    setup_.store->prune(complete_epoch->epoch);
    if (setup_.operators) setup_.operators->forget_before(complete_epoch->epoch);
    forget_begun(complete_epoch->epoch);
    post(peers_.router, epoch_completed{complete_epoch->epoch});
    confirmed_ = std::max(confirmed_, complete_epoch->passed);
    post(peers_.source, confirm_position{confirmed_});
    setup_.board->update([&](pipeline_status& s) { s.confirmed = confirmed_; });
    const bool settled = std::exchange(settled_[complete_epoch->epoch], false);
    settled_.erase(settled_.begin(), settled_.upper_bound(complete_epoch->epoch));
    const bool reached = setup_.until && complete_epoch->passed >= *setup_.until && settled;
    if (reached || (finish_at_ != 0 && complete_epoch->epoch >= finish_at_)) {
      quit();
      return;
    }
    if (std::exchange(pressed_, false)) cut_epoch(true);
  }

  coordinator_setup setup_;
  coordinator_peers peers_;
  epoch_ledger ledger_;
  wal_lsn confirmed_;
  epoch_id uncut_ = 0;                        ///< asked for and not cut yet; 0: none
  bool pressed_ = false;                      ///< a barrier was asked for, and could not be had yet
  std::map<std::string, milliseconds> paces_; ///< sink -> sink::pace()
  std::chrono::steady_clock::time_point last_cut_{};
  bool snapshots_active_ = true;
  bool finishing_ = false;
  epoch_id finish_at_ = 0;           ///< the last epoch, once finishing
  std::map<epoch_id, bool> settled_; ///< whether every sink is consistent at an open epoch
  std::vector<std::pair<epoch_id, missing_keys>> unacknowledged_;
  std::map<epoch_id, std::vector<std::uint64_t>>
      begun_; ///< requests whose snapshots it holds first
};

} // namespace

coordinator_actor make_coordinator(caf::actor_system& system, coordinator_setup setup) {
  const auto runs = setup.runs;
  return spawn_stage<coordinator_impl>(system, runs, std::move(setup));
}

} // namespace leat
