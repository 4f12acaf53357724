#include "actors/router_stage.hpp"

#include <algorithm>
#include <deque>
#include <memory>
#include <numeric>

#include "actors/caf.hpp"
#include "actors/source_stage.hpp"
#include "dataflow/crash_point.hpp"
#include "dataflow/route_fingerprints.hpp"

namespace leat {

namespace {

using std::chrono::milliseconds;

/// Snapshots of the source are taken this often while tables are being read: they let remembered
/// keys go (R5.2) and fences pass (R5.5).
constexpr milliseconds probe_interval{50};
constexpr milliseconds idle_interval{250};
constexpr std::uint64_t ticks_between_gauges = 3;
constexpr std::size_t part_bytes = 256U << 10;

class router_stage_impl : public stage<router_actor> {
 public:
  router_stage_impl(caf::actor_config& config, router_setup setup)
      : stage(config), setup_(std::move(setup)), snapshots_(*setup_.snapshots),
        router_(setup_.routes, setup_.sinks, setup_.position, snapshots_),
        input_(stream_channel, setup_.source_window) {
    for (std::size_t i = 0; i < setup_.sink_actors.size(); ++i)
      outputs_.push_back({credit_sender(static_cast<channel_id>(i), setup_.sink_window), {}});
    given_.resize(setup_.readers.size());
    for (const auto& [sink, tables] : setup_.missing)
      for (const auto& [table, rows] : tables) add_missing(table, sink, rows);
  }

  const char* name() const override { return "leat.router"; }

  behavior_type make_behavior() override {
    for (const auto& s : setup_.sink_actors) post(s, attach_router{handle()});
    send_on(router_.start());
    give_work();
    post(handle(), tick{});
    return {
        [this](const attach_source& m) { source_ = m.source; },
        [this](const frame& f) { take(f); },
        [this](const grant& g) {
          outputs_.at(g.channel).credit.take(g);
          drain();
        },
        [this](const read_done& d) { take(d); },
        [this](const epoch_completed& d) {
          snapshots_.completed(d.epoch);
          give_work();
        },
        [this](const rows_missing& m) {
          for (const auto& [sink, tables] : m.keys) {
            router_.missing_reported(sink);
            for (const auto& [table, rows] : tables) add_missing(table, sink, rows);
          }
          give_work();
        },
        [this](const resnapshot& m) {
          begun_.push_back(m.number);
          if (!router_.schemas().contains(m.table)) return;
          send_on(router_.begin_snapshot(m.table, {}));
          post(setup_.coordinator, hurry{});
        },
        [this](const tick&) {
          if (snapshots_.active()) snapshots_.want_probe();
          send_parts();
          give_work();
          ask_source_end();
          show_tables();
          post_after(snapshots_.active() ? probe_interval : idle_interval, handle(), tick{});
        },
    };
  }

 protected:
  void release() override {
    setup_.sink_actors.clear();
    setup_.readers.clear();
    setup_.coordinator = nullptr;
    source_ = nullptr;
  }

 private:
  struct output {
    credit_sender credit;
    std::deque<payload> waiting;
  };

  router_actor handle() { return caf::actor_cast<router_actor>(this); }

  void take(const frame& f) {
    input_.accept(f);
    if (blocked()) {
      stash_.push_back(f);
      return;
    }
    work_off(f);
  }

  bool blocked() const { return !stash_.empty() || outputs_waiting(); }

  void work_off(const frame& f) {
    if (const auto* rows = std::get_if<batch_ptr>(&f.content)) {
      note_progress(**rows);
      send_on(router_.take(*rows));
      say_news();
      send_part(2 * (*rows)->bytes());
    } else if (const auto* b = std::get_if<barrier>(&f.content)) {
      close_epoch(*b);
    } else if (std::holds_alternative<source_reconnected>(f.content)) {
      snapshots_.source_restarted();
    }
    if (const auto due = input_.consume(f.content)) grant_source(*due);
  }

  void grant_source(const grant& g) {
    if (source_) post(source_, g);
  }

  void close_epoch(const barrier& b) {
    send_on(router_.take(b));
    for (const auto table : snapshots_.rewritten()) {
      say(log_level::info, table,
          "was rewritten at the source, or grew in rows that a target has: its snapshot begins "
          "again");
      send_on(router_.begin_again(table));
    }
    for (const auto& [table, sinks] : snapshots_.take_wholly_missing()) {
      say(log_level::info, table, "is read again for sinks that lack too many of its rows");
      send_on(router_.read_again(table, sinks));
    }
    auto state = std::make_shared<checkpoint>();
    state->epoch = b.epoch;
    last_barrier_ = b.epoch;
    quiet_ = true;
    state->position = b.position;
    state->resume = b.passed;
    state->schemas = router_.schemas();
    state->snapshots = snapshots_.state();
    state->missing = snapshots_.missing();
    state->routes = setup_.route_fingerprints;
    epoch_cut cut;
    for (std::size_t s = 0; s < setup_.sinks.size(); ++s) {
      cut.commits[setup_.sinks[s].name] = router_.committing()[s];
      cut.consistent[setup_.sinks[s].name] = router_.promised()[s];
    }
    cut.snapshots_active = snapshots_.active();
    cut.begun = std::exchange(begun_, {});
    cut.state = std::move(state);
    post(setup_.coordinator, std::move(cut));
    for (const auto& schema : snapshots_.take_descriptions())
      send_on(router_.change_schema(schema));
    say_news();
    show_tables();
    give_work();
  }

  /// For the lag; while snapshots run, their own probes tell it.
  void ask_source_end() {
    const bool busy = std::ranges::any_of(given_, [](std::size_t n) { return n != 0; });
    if (snapshots_.active() || busy || gauge_rest_-- != 0) return;
    gauge_rest_ = ticks_between_gauges;
    gauge_ = give(probe_request{});
  }

  void note_source_end(const read_done& d) {
    const auto* probe = std::get_if<visibility_probe>(&d.result);
    if (probe != nullptr && d.failure.empty())
      setup_.board->update([&](pipeline_status& s) { s.lag.source_end(probe->high); });
  }

  void take(const read_done& d) {
    --given_.at(d.reader);
    note_source_end(d);
    // An answer that failed comes behind those to later requests of the reader. Should it be
    // another probe's, that one is asked for again when the gauge's failure is taken for its own.
    if (gauge_ == d.reader && std::holds_alternative<probe_request>(d.request)) {
      gauge_.reset();
      give_work();
      return;
    }
    if (!d.failure.empty()) {
      setup_.board->update([&](pipeline_status& s) { s.message = d.failure; });
      snapshots_.failed(d.request);
    } else {
      take_result(d);
    }
    if (snapshots_.take_hurry()) post(setup_.coordinator, hurry{});
    give_work();
  }

  void take_result(const read_done& d) {
    if (const auto* probe = std::get_if<visibility_probe>(&d.result)) {
      snapshots_.probed(*probe);
    } else if (const auto* plan = std::get_if<chunk_plan>(&d.result)) {
      snapshots_.planned(std::get<plan_request>(d.request), *plan);
    } else if (const auto* now = std::get_if<table_description>(&d.result)) {
      snapshots_.described(std::get<describe_request>(d.request), *now);
    } else if (const auto* chunk = std::get_if<chunk_result>(&d.result)) {
      take_chunk(d, *chunk);
    }
  }

  void take_chunk(const read_done& d, const chunk_result& chunk) {
    if (const auto* read = std::get_if<read_request>(&d.request)) {
      crash_point("chunk_before");
      send_on(router_.take(snapshots_.chunk_read(*read, chunk)));
      crash_point("chunk_emitted");
      send_parts();
      return;
    }
    const auto& lookup = std::get<keys_request>(d.request);
    send_on(router_.take(snapshots_.keys_read(lookup, chunk)));
  }

  void add_missing(oid table, const std::string& sink, const missing_rows& rows) {
    if (!router_.schemas().contains(table)) return;
    const auto how_many = rows.whole ? "many" : std::to_string(rows.keys.size());
    say(log_level::info, table,
        "sink " + sink + " lacks " + how_many
            + " rows with values the stream left out: they are read");
    snapshots_.add_missing(table, sink, rows);
  }

  /// No new chunk while a sink has not taken what there is: a chunk is large.
  void give_work() {
    while (least_busy() != nullptr && !blocked()) {
      auto request = snapshots_.next();
      if (!request) return;
      if (auto* read = std::get_if<read_request>(&*request))
        read->condition = router_.snapshot_condition(read->table->id);
      give(std::move(*request));
    }
  }

  /// A reader that may be given work. One more request than there are readers is under way, so that
  /// the server need not wait for the router between two chunks; not one more each, since what has
  /// been read waits in memory for its turn.
  std::size_t* least_busy() {
    const auto given = std::accumulate(given_.begin(), given_.end(), std::size_t{0});
    if (given > given_.size()) return nullptr;
    return std::to_address(std::ranges::min_element(given_));
  }

  std::size_t give(snapshot_request request) {
    auto* load = least_busy();
    const auto reader = static_cast<std::size_t>(load - given_.data());
    ++*load;
    post(setup_.readers.at(reader), read_task{std::move(request)});
    return reader;
  }

  /// A table without a key goes out in parts: in half of the window, so that the other tables go on
  /// meanwhile. For each batch of the stream twice as much goes out at once, or else changes could
  /// gather behind the rows faster than they leave.
  void send_parts() {
    while (!blocked() && half_free() && snapshots_.has_part()) send_part(part_bytes);
  }

  void send_part(std::size_t bytes) {
    if (!snapshots_.has_part()) return;
    send_on(router_.take(snapshots_.next_part(bytes)));
    crash_point("part_emitted");
  }

  bool half_free() const {
    return std::ranges::all_of(outputs_, [](const output& o) { return o.credit.half_free(); });
  }

  void send_on(std::vector<router::output> out) {
    for (auto& o : out) outputs_[o.sink].waiting.push_back(std::move(o.content));
    send_waiting();
  }

  void send_waiting() {
    for (std::size_t s = 0; s < outputs_.size(); ++s) {
      auto& o = outputs_[s];
      while (!o.waiting.empty() && (cost_of(o.waiting.front()) == 0 || o.credit.may_send())) {
        post(setup_.sink_actors[s], o.credit.stamp(std::move(o.waiting.front())));
        o.waiting.pop_front();
      }
    }
  }

  void drain() {
    send_waiting();
    while (!stash_.empty() && !outputs_waiting()) {
      const auto f = std::move(stash_.front());
      stash_.pop_front();
      work_off(f);
    }
    send_parts();
    give_work();
  }

  bool outputs_waiting() const {
    for (const auto& o : outputs_)
      if (!o.waiting.empty()) return true;
    return false;
  }

  void note_progress(const batch& rows) {
    last_commit_time_ = rows.transactions.back().commit_time;
    if (!std::exchange(quiet_, false)) return;
    setup_.board->update([&](pipeline_status& s) {
      s.lag.first_after(last_barrier_, rows.transactions.front().commit_time);
    });
  }

  void say_news() {
    const auto news = router_.take_news();
    for (const auto& n : news) say(log_level::info, n.table, n.text);
    if (news.empty()) return;
    setup_.route_fingerprints = fingerprints(router_.routes());
    auto routes =
        std::make_shared<const std::map<std::string, std::string>>(setup_.route_fingerprints);
    setup_.board->update([&](pipeline_status& s) { s.routes = std::move(routes); });
  }

  void say(log_level level, oid table, const std::string& what) {
    setup_.log(level, router_.schemas().at(table)->qualified_name() + ": " + what);
  }

  void show_tables() {
    const auto now = commit_time_now();
    std::vector<std::pair<oid, std::uint64_t>> read;
    setup_.board->update([&](pipeline_status& s) {
      s.changes = router_.changes_routed();
      s.commit_time = last_commit_time_;
      s.router_waits = outputs_waiting() ? wait_reason::credit : wait_reason::none;
      for (const auto& [id, schema] : router_.schemas()) {
        const auto* t = snapshots_.find(id);
        auto& shown = s.tables[id];
        const bool under_way = !shown.name.empty() && shown.phase != snapshot_phase::finished;
        shown.name = schema->qualified_name();
        show_snapshot(shown, t == nullptr ? nullptr : &t->state(), now);
        if (under_way && shown.phase == snapshot_phase::finished) read.emplace_back(id, shown.rows);
      }
    });
    for (const auto& [table, rows] : read) {
      if (snapshots_.find(table)->gone())
        say(log_level::warn, table,
            "is gone at the source: its snapshot ends after " + std::to_string(rows)
                + " rows, and what targets hold of it stays");
      else
        say(log_level::info, table, "snapshot read, " + std::to_string(rows) + " rows");
    }
  }

  router_setup setup_;
  snapshot_driver& snapshots_;
  router router_;
  credit_receiver input_;
  std::vector<output> outputs_;
  std::deque<frame> stash_;        ///< at most the source's window: nothing of it is granted
  std::vector<std::size_t> given_; ///< requests that a reader has
  source_actor source_;
  std::int64_t last_commit_time_ = 0;
  epoch_id last_barrier_ = 0;
  bool quiet_ = true;                ///< nothing has come since the last barrier
  std::vector<std::uint64_t> begun_; ///< requests of snapshots, since the last barrier
  std::optional<std::size_t> gauge_; ///< the reader that asks where the source's WAL ends
  std::uint64_t gauge_rest_ = 0;     ///< ticks until it is asked again
};

} // namespace

router_actor make_router_stage(caf::actor_system& system, router_setup setup) {
  return system.spawn<router_stage_impl>(std::move(setup));
}

} // namespace leat
