#include "tests/simulation/history.hpp"

#include "dataflow/error.hpp"
#include "tests/simulation/target_check.hpp"

namespace leat::sim {

namespace {

sizes make_sizes(model::random& r) {
  sizes s;
  s.source = {100 + r.below(2000), 1 + r.below(6)};
  s.sink = {100 + r.below(2000), 1 + r.below(6)};
  s.interval = std::chrono::milliseconds(20 + r.below(200));
  if (r.chance(2)) s.buffer = 1 + r.below(30);
  if (r.chance(4)) s.missing = r.below(150); // none, or a key or two
  return s;
}

} // namespace

history::history(std::uint64_t seed, trouble t, const std::filesystem::path& scratch)
    : random_(seed), trouble_(t), world_(random_),
      system_([this](std::size_t n) { return random_.below(static_cast<std::uint32_t>(n)); }),
      ddl_(t.columns || random_.chance(3)), layout_(random_, scratch, ddl_),
      sizes_(make_sizes(random_)), calm_(20 + random_.below(200)), delivery_(1 + random_.below(12)),
      visibility_(1 + random_.below(8)) {}

std::optional<std::string> history::run() {
  for (int i = 0; i < 25; ++i) {
    world_.database.source.step();
    if (random_.chance(3)) world_.database.source.make_visible(random_.below(5));
  }
  const auto steps = 200 + random_.below(1500);
  for (std::uint32_t i = 0; i < steps && !problem(); ++i) {
    if (!pipeline_) start();
    something_happens();
    if (pipeline_ && pipeline_->ended()) tear_down();
  }
  if (!problem()) settle();
  seen_.transactions = world_.database.wal().size();
  const auto wrong = problem();
  if (pipeline_) tear_down();
  return wrong ? wrong : problem();
}

std::optional<std::string> history::problem() const {
  if (world_.violation()) return world_.violation();
  if (complaint_) return complaint_;
  return pipeline_ ? pipeline_->complaint() : std::nullopt;
}

void history::start() {
  try {
    ++seen_.lives;
    if (trouble_.failures && !settling_ && world_.store->identity()) before_a_life();
    if (trouble_.failures && !settling_ && random_.chance(4)) world_.fail_in(1 + random_.below(40));
    world_.trace("life " + std::to_string(seen_.lives));
    pipeline_ = std::make_unique<sim_pipeline>(world_, random_, system_, layout_.file(), sizes_);
  } catch (const error& e) {
    if (e.what() != std::string_view(planted)) complaint_ = "no start: " + e.brief();
  }
}

void history::before_a_life() {
  if (random_.chance(trouble_.columns ? 2 : 6)) {
    layout_.edit(random_, world_);
    ++seen_.edits;
  }
  if (random_.chance(12)) {
    world_.read_anew = true;
    world_.store->ask_resnapshot(sim_database::id_of(random_.below(table_count)));
  }
}

void history::something_happens() {
  auto& source = world_.database.source;
  auto what = random_.below(12 + 1 + delivery_ + visibility_ + 40 + 2 + 1);
  const auto is = [&](std::uint32_t weight) {
    if (what < weight) return true;
    what -= weight;
    return false;
  };
  if (is(12)) return source.step();
  if (is(1)) {
    if (!ddl_ || (!trouble_.columns && !random_.chance(4))) return;
    for (auto n = 1 + random_.below(2); n > 0; --n) {
      ++seen_.alterations;
      world_.trace("columns change after " + std::to_string(world_.database.wal().size()));
      world_.read_anew |= world_.database.alter(random_);
      for (auto steps = random_.below(30); steps > 0; --steps) source.step();
    }
    return;
  }
  if (is(visibility_)) return source.make_visible(random_.below(6));
  if (!pipeline_) return;
  if (is(delivery_)) {
    pipeline_->stream().step();
    if (!pipeline_->within_credit()) complaint_ = "more is under way than credit allows";
    return;
  }
  if (is(40)) {
    const auto prunes = world_.store->prunes();
    message();
    // What was forgotten too early is missed now.
    const bool forgot = world_.store->prunes() != prunes;
    if (forgot && trouble_.failures && random_.chance(calm_ / 4)) kill();
    return;
  }
  if (is(2)) {
    timer();
    return;
  }
  if (trouble_.failures && random_.chance(trouble_.columns ? 1 : calm_ / 20)) something_breaks();
}

void history::something_breaks() {
  switch (random_.below(7)) {
  case 0:
    return kill();
  case 1:
    return pipeline_->kill_one(random_.below(16));
  case 2:
    if (!random_.chance(3)) return;
    world_.database.source.crash();
    return pipeline_->stream().lose_connection();
  case 3:
    if (!random_.chance(4)) return;
    world_.read_anew = true;
    return pipeline_->read_anew(sim_database::id_of(random_.below(table_count)));
  case 4:
    if (!random_.chance(2)) return;
    return pipeline_->finish();
  default:
    return world_.fail_in(1 + random_.below(60));
  }
}

void history::kill() {
  world_.kill();
  world_.trace("kill");
  ++seen_.kills;
  tear_down();
  world_.store->lose_tail(random_);
}

bool history::message() {
  if (!system_.step()) return false;
  ++seen_.messages;
  return true;
}

bool history::timer() { return system_.next_timer(); }

/// The process is gone when every stage has ended; until then they do what they do.
void history::tear_down() {
  pipeline_->end();
  while (!pipeline_->all_ended() && message()) {
  }
  if (!pipeline_->all_ended()) complaint_ = "a stage does not end";
  if (!complaint_) complaint_ = pipeline_->complaint();
  pipeline_.reset();
  world_.calm();
  world_.revive();
}

bool history::arrived() {
  const auto n = world_.database.wal().size();
  if (world_.confirmed != sim_database::end_of(n)) return false;
  for (const auto& name : layout_.sinks()) {
    const auto& t = world_.targets[name];
    if (!t.progress || !t.progress->consistent) return false;
    for (const auto& table : t.attached) {
      const auto held = t.tables.find(table);
      if (held == t.tables.end() || check_cut(world_.database, held->second, n)) return false;
      auto copy = held->second;
      if (copy.mode == route_mode::append && check_log(world_.database, copy, n)) return false;
    }
    for (const auto& [table, generation] : t.due)
      if (t.attached.contains(table) && t.progress->last_generation(table) < generation)
        return false;
  }
  return true;
}

std::string history::standing() {
  std::string out = "of " + std::to_string(world_.database.wal().size()) + " transactions "
                    + std::to_string(sim_database::transactions_at(world_.confirmed))
                    + " are confirmed";
  for (const auto& [name, t] : world_.targets) {
    const auto p = t.progress.value_or(target_progress{});
    out += "; " + name + " has " + std::to_string(sim_database::transactions_at(p.position))
           + " in epoch " + std::to_string(p.epoch) + (p.consistent ? ", consistent" : "");
    for (const auto& [table, generation] : t.due)
      if (p.last_generation(table) < generation)
        out += ", table " + table + " has to be read in generation " + std::to_string(generation);
    for (const auto& [table, held] : t.tables) {
      if (!t.attached.contains(table)) continue;
      if (const auto wrong = check_cut(world_.database, held, world_.database.wal().size()))
        out += ", table " + table + ": " + *wrong;
    }
  }
  for (const auto& [id, t] : pipeline_->status().tables)
    out += "; table " + t.name + " is " + to_string(t.phase);
  return out;
}

/// Nothing breaks any more and the source is quiet: what is not there after some time never comes.
void history::settle() {
  settling_ = true;
  world_.calm();
  world_.database.source.settle();
  if (pipeline_ && pipeline_->ended()) tear_down();
  if (!pipeline_) start();
  int waits = 0;
  for (; waits < 400 && pipeline_ && !problem() && !arrived(); ++waits) {
    while (message() || pipeline_->stream().step()) {
    }
    if (pipeline_->ended()) {
      tear_down();
      start();
      continue;
    }
    timer();
  }
  if (problem()) return;
  if (!arrived()) {
    complaint_ = "not everything arrives: " + standing();
    return;
  }
  pipeline_->finish();
  for (waits = 0; waits < 50 && !pipeline_->ended(); ++waits) {
    while (message() || pipeline_->stream().step()) {
    }
    timer();
  }
  if (!pipeline_->ended()) complaint_ = "a pipeline that was told to finish does not end";
  tear_down();
}

} // namespace leat::sim
