#include "tests/simulation/sim_pipeline.hpp"

#include <caf/send.hpp>

#include "actors/failure.hpp"
#include "actors/pipeline_wiring.hpp"
#include "dataflow/error.hpp"
#include "plugins/transforms/built_in.hpp"
#include "tests/simulation/counting_transform.hpp"
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
      },
      [&](const transform_options& o) {
        return o.type == "count" ? make_counting(world_, o) : transforms::make_built_in(o);
      }};
  spawn(assemble(file, *world_.store, "", cancels_, {}, doubles), system);
}

void sim_pipeline::watch(const caf::strong_actor_ptr& stage) {
  stages_.push_back(stage);
  stage->get()->attach_functor([state = state_](const caf::error& reason) {
    ++state->ended;
    if (!reason || reason == caf::exit_reason::user_shutdown || reason == caf::exit_reason::kill)
      return;
    const auto failure = from_caf(reason);
    if (failure.what() != std::string_view(planted) && !state->complaint)
      state->complaint = "a stage ended: " + failure.brief();
  });
}

void sim_pipeline::spawn(assembly parts, test::sim_system& sim) {
  sinks_ = parts.sinks.size();
  world_.streams_from = std::max(sim_database::transactions_at(parts.start.position),
                                 sim_database::transactions_at(parts.start.resume));
  wiring_options o;
  o.source_window = sizes_.source;
  o.sink_window = sizes_.sink;
  o.interval = sizes_.interval;
  o.sink_buffer = sizes_.buffer;
  o.sink_missing = sizes_.missing;
  o.store = world_.store;
  o.board = board_;
  o.log = [this](log_level, const std::string& text) { world_.trace("log: " + text); };
  o.runs = execution::scheduled;
  o.make_source = [&](const router_actor& router) {
    stream_ = std::make_unique<sim_stream>(world_, random_, sizes_.source, parts.start.position,
                                           parts.start.resume);
    return stream_->attach(sim.system(), router);
  };
  o.watch = [this](const caf::strong_actor_ptr& stage) { watch(stage); };
  try {
    auto wired = wire_pipeline(sim.system(), parts, o);
    coordinator_ = std::move(wired.coordinator);
    router_ = std::move(wired.router);
    const auto any = random_.below(static_cast<std::uint32_t>(stages_.size()));
    sim.slow_down(random_.chance(2) ? 0 : stages_[any]->id());
  } catch (const error&) {
    end();
    throw;
  }
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

void sim_pipeline::read_anew(oid table) { caf::anon_send(coordinator_, resnapshot{table, 0}); }

bool sim_pipeline::within_credit() const {
  const auto batch = stream_->largest_batch();
  return stream_->live_bytes()
         <= sizes_.source.bytes + batch + sinks_ * (sizes_.sink.bytes + batch);
}

} // namespace leat::sim
