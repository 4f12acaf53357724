#include "actors/pipeline_wiring.hpp"

#include "actors/caf.hpp"
#include "actors/coordinator.hpp"
#include "actors/reader_stage.hpp"
#include "actors/router_stage.hpp"
#include "actors/sink_stage.hpp"
#include "actors/wiring.hpp"

namespace leat {

namespace {

class wirer {
 public:
  wirer(caf::actor_system& system, assembly& parts, const wiring_options& o)
      : system_(system), parts_(parts), options_(o) {}

  wired_pipeline run() {
    show_start();
    made_.coordinator = watch(make_coordinator(system_, coordinator_parts()));
    router_setup r;
    coordinator_peers peers;
    for (std::size_t i = 0; i < parts_.sinks.size(); ++i) {
      r.sink_actors.push_back(watch(make_sink_stage(system_, sink_parts(i))));
      peers.sinks[parts_.sinks[i].name] = r.sink_actors.back();
    }
    for (std::size_t i = 0; i < parts_.readers.size(); ++i)
      r.readers.push_back(
          watch(make_reader_stage(system_, i, std::move(parts_.readers[i]), options_.runs)));
    complete(r);
    made_.router = watch(make_router_stage(system_, std::move(r)));
    peers.router = made_.router;
    peers.source = watch(options_.make_source(made_.router));
    caf::anon_send(made_.coordinator, std::move(peers));
    return std::move(made_);
  }

 private:
  template <class Handle>
  Handle watch(Handle h) {
    options_.watch(caf::actor_cast<caf::strong_actor_ptr>(h));
    return h;
  }

  void show_start() {
    options_.board->update([&](pipeline_status& s) {
      s.pipeline_id = parts_.identity.id;
      std::erase_if(s.tables, [&](const auto& t) { return !parts_.planned.contains(t.first); });
      s.news = {};
      s.routes =
          std::make_shared<const std::map<std::string, std::string>>(parts_.route_fingerprints);
      s.target = parts_.until.value_or(wal_lsn{});
      s.confirmed = parts_.start.resume;
      std::vector<std::string> names;
      for (const auto& k : parts_.sinks) {
        names.push_back(k.name);
        s.sinks[k.name].connector = k.connector;
      }
      s.lag.start(names, parts_.start.resume);
    });
  }

  coordinator_setup coordinator_parts() {
    coordinator_setup c;
    c.store = options_.store;
    c.operators = parts_.operators;
    for (const auto& s : parts_.sinks) {
      c.sinks[s.name] = s.progress.epoch;
      c.paces[s.name] = s.target->pace();
    }
    c.last_epoch = parts_.last_epoch;
    c.resume = parts_.start.resume;
    c.interval = options_.interval;
    c.until = parts_.until;
    c.board = options_.board;
    c.log = options_.log;
    c.runs = options_.runs;
    return c;
  }

  sink_setup sink_parts(std::size_t i) {
    const auto& opened = parts_.sinks[i];
    sink_setup s;
    s.name = opened.name;
    s.target = opened.target;
    s.routes = parts_.plan.routes;
    s.progress = opened.progress;
    s.channel = static_cast<channel_id>(i);
    s.window = options_.sink_window;
    s.buffer_bytes = options_.sink_buffer;
    s.missing_bytes = options_.sink_missing;
    s.operators = parts_.operators;
    s.operators_at = opened.target->keeps_progress() ? opened.progress.epoch : parts_.start.epoch;
    s.coordinator = made_.coordinator;
    s.board = options_.board;
    s.log = options_.log;
    s.runs = options_.runs;
    return s;
  }

  void complete(router_setup& r) {
    r.routes = parts_.plan.routes;
    r.sinks = parts_.sink_starts;
    r.position = parts_.start.position;
    r.snapshots = std::move(parts_.snapshots);
    r.missing = parts_.start.missing;
    r.coordinator = made_.coordinator;
    r.source_window = options_.source_window;
    r.sink_window = options_.sink_window;
    r.route_fingerprints = parts_.route_fingerprints;
    r.board = options_.board;
    r.log = options_.log;
  }

  caf::actor_system& system_;
  assembly& parts_;
  const wiring_options& options_;
  wired_pipeline made_;
};

} // namespace

wired_pipeline wire_pipeline(caf::actor_system& system, assembly& parts, const wiring_options& o) {
  return wirer(system, parts, o).run();
}

} // namespace leat
