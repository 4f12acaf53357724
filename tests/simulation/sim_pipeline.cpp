#include "tests/simulation/sim_pipeline.hpp"

#include <caf/send.hpp>

#include "actors/coordinator.hpp"
#include "actors/failure.hpp"
#include "actors/reader_stage.hpp"
#include "actors/router_stage.hpp"
#include "actors/sink_stage.hpp"
#include "dataflow/error.hpp"
#include "tests/simulation/sim_source.hpp"
#include "tests/simulation/strict_sink.hpp"

namespace leat::sim {

sim_pipeline::sim_pipeline(world& w, model::random& r, test::sim_system& system,
                           const pipeline_file& file, const sizes& s)
    : world_(w), random_(r), sizes_(s) {
  const connectors doubles{
      [&](const pipeline_file&) { return std::make_unique<sim_source>(world_, random_); },
      [&](const pipeline_file&, const sink_options& o) {
        return std::make_unique<strict_sink>(world_, o.name);
      }};
  spawn(assemble(file, *world_.store, "", cancels_, doubles), system);
}

template <class Handle>
Handle sim_pipeline::watch(Handle h) {
  stages_.push_back(caf::actor_cast<caf::strong_actor_ptr>(h));
  h->attach_functor([state = state_](const caf::error& reason) {
    ++state->ended;
    if (!reason || reason == caf::exit_reason::user_shutdown || reason == caf::exit_reason::kill)
      return;
    const auto failure = from_caf(reason);
    if (failure.what() != std::string_view(planted) && !state->complaint)
      state->complaint = "a stage ended: " + failure.brief();
  });
  return h;
}

void sim_pipeline::spawn(assembly parts, test::sim_system& sim) {
  auto& sys = sim.system();
  sinks_ = parts.sinks.size();

  coordinator_setup c;
  c.store = world_.store;
  for (const auto& s : parts.sinks) c.sinks[s.name] = s.progress.epoch;
  c.last_epoch = parts.last_epoch;
  c.resume = parts.start.resume;
  c.interval = sizes_.interval;
  c.board = board_;
  c.runs = execution::scheduled;
  coordinator_ = watch(make_coordinator(sys, std::move(c)));

  router_setup r;
  coordinator_peers peers;
  for (std::size_t i = 0; i < parts.sinks.size(); ++i) {
    const auto& opened = parts.sinks[i];
    sink_setup s;
    s.name = opened.name;
    s.target = opened.target;
    s.routes = parts.plan.routes;
    s.progress = opened.progress;
    s.channel = static_cast<channel_id>(i);
    s.window = sizes_.sink;
    s.coordinator = coordinator_;
    s.board = board_;
    s.runs = execution::scheduled;
    try {
      r.sink_actors.push_back(watch(make_sink_stage(sys, std::move(s))));
    } catch (const error&) {
      end();
      throw;
    }
    peers.sinks[opened.name] = r.sink_actors.back();
  }
  r.routes = parts.plan.routes;
  r.sinks = parts.sink_starts;
  r.position = parts.start.position;
  r.snapshots = std::move(parts.snapshots);
  r.missing = parts.start.missing;
  for (std::size_t i = 0; i < parts.readers.size(); ++i)
    r.readers.push_back(watch(make_reader_stage(sys, i, parts.readers[i], execution::scheduled)));
  r.coordinator = coordinator_;
  r.source_window = sizes_.source;
  r.sink_window = sizes_.sink;
  r.route_fingerprints = parts.route_fingerprints;
  r.board = board_;
  r.log = [](log_level, const std::string&) {};
  router_ = watch(make_router_stage(sys, std::move(r)));

  stream_ = std::make_unique<sim_stream>(world_, random_, sizes_.source, parts.start.position,
                                         parts.start.resume);
  peers.router = router_;
  peers.source = watch(stream_->attach(sys, router_));
  caf::anon_send(coordinator_, std::move(peers));
}

void sim_pipeline::end() {
  for (const auto& s : stages_)
    caf::anon_send_exit(caf::actor_cast<caf::actor>(s), caf::exit_reason::user_shutdown);
}

void sim_pipeline::kill_one(std::size_t which) {
  caf::anon_send_exit(caf::actor_cast<caf::actor>(stages_[which % stages_.size()]),
                      caf::exit_reason::kill);
}

void sim_pipeline::finish() { caf::anon_send(coordinator_, leat::finish{}); }

void sim_pipeline::read_anew(oid table) { caf::anon_send(router_, resnapshot{table}); }

bool sim_pipeline::within_credit() const {
  const auto batch = stream_->largest_batch();
  return stream_->live_bytes()
         <= sizes_.source.bytes + batch + sinks_ * (sizes_.sink.bytes + batch);
}

} // namespace leat::sim
