#include "tests/simulation/strict_sink.hpp"

#include <charconv>

namespace leat::sim {

namespace {

std::uint32_t number(const batch& b, cell c) {
  const auto text = b.text(c);
  std::uint32_t n = 0;
  std::from_chars(text.data(), text.data() + text.size(), n);
  return n;
}

/// What keys hold, and what they should.
std::string difference(const table_rows& held, const table_rows& truth) {
  const auto show = [](const table_rows& t, const std::string& key) {
    const auto found = t.find(key);
    return found == t.end()
               ? std::string("nothing")
               : std::to_string(found->second.value) + "/" + std::to_string(found->second.large);
  };
  std::string out;
  for (char c = 'a'; c < 'g'; ++c) {
    const std::string key(1, c);
    if (show(held, key) != show(truth, key))
      out += key + " is " + show(held, key) + " for " + show(truth, key) + "; ";
  }
  return out;
}

} // namespace

template <class Work>
void strict_sink::call(const char* before, const char* after, phase expected, Work work) {
  if (phase_ != expected) world_.violate(name_ + ": called out of order, " + before);
  const auto go_on = std::exchange(phase_, phase::broken);
  world_.pass(before);
  work();
  world_.pass(after);
  if (phase_ == phase::broken) phase_ = go_on;
}

class strict_sink::strict_writer : public writer {
 public:
  strict_writer(strict_sink& s, route_ptr r) : sink_(s), route_(std::move(r)) {}

  bool dirty() const { return dirty_; }

  void write(const batch_ptr& rows, std::span<const std::uint32_t> changes) override {
    sink_.call("sink: before a write", "sink: after a write", phase::open, [&] {
      dirty_ = true;
      for (const auto i : changes) take(*rows, rows->changes[i]);
    });
  }
  std::size_t buffered() const override { return 0; }
  void flush() override {
    sink_.call("sink: before a flush", "sink: after a flush", phase::open, [&] { dirty_ = false; });
  }
  void change_schema(const route_ptr& after) override {
    between_flushes("sink: before DDL", "sink: after DDL", [&] { route_ = after; });
  }
  void begin_snapshot(std::uint32_t generation) override {
    between_flushes("sink: before a snapshot", "sink: after a snapshot's begin", [&] {
      auto& t = table();
      if (t.finished && generation == t.generation) return; // sent once more after a restart
      if (generation != t.generation) t.brought.clear();
      t.generation = generation;
      t.finished = false;
      t.settled = false;
      t.read.clear();
    });
  }
  void finish_snapshot(std::uint32_t generation) override {
    between_flushes("sink: before a snapshot's end", "sink: after a snapshot's end", [&] {
      auto& t = table();
      t.settled = true;
      t.read.clear();
      if (t.finished) return;
      if (generation != t.generation) sink_.world_.violate("another snapshot ends than began");
      t.finished = true;
      std::erase_if(t.rows, [&](const auto& r) { return !t.brought.contains(r.first); });
    });
  }

 private:
  template <class Work>
  void between_flushes(const char* before, const char* after, Work work) {
    if (dirty_) sink_.world_.violate(std::string(before) + ": there was no flush");
    sink_.call(before, after, phase::open, work);
  }

  target_table& table() { return sink_.open_tables_[route_->target]; }

  void take(const batch& b, const change& c) {
    auto& t = table();
    if (c.kind == change_kind::truncate) return t.rows.clear();
    const auto old_row = b.old_row(c);
    if (c.kind == change_kind::remove) {
      t.rows.erase(std::string(b.text(old_row[0])));
      return;
    }
    const auto fresh = b.new_row(c);
    const std::string key(b.text(fresh[0]));
    const auto old_key = old_row.empty() ? key : std::string(b.text(old_row[0]));
    const auto before = t.rows.find(old_key);
    if (c.kind == change_kind::read) t.read.insert(key);
    const bool stays = old_key == key || (t.settled && !t.read.contains(old_key));
    const bool known = before != t.rows.end() && stays;
    const auto kept = known ? before->second.large : 0;
    if (old_key != key) t.rows.erase(old_key);
    if (fresh[2].state() == cell_state::unchanged && !known) return miss(key);
    const auto large = fresh[2].has_value() ? number(b, fresh[2]) : kept;
    t.rows[key] = {number(b, fresh[1]), large};
    t.brought.insert(key);
  }

  /// R6: until the table is a cut, what stands under an old key may be a later row.
  void miss(const std::string& key) {
    table().rows.erase(key);
    sink_.missing_.push_back({route_->id, {key}});
  }

  strict_sink& sink_;
  route_ptr route_;
  bool dirty_ = false;
};

strict_sink::strict_sink(world& w, std::string name) : world_(w), name_(std::move(name)) {}
strict_sink::~strict_sink() = default;

std::optional<target_progress> strict_sink::open() {
  call("sink: before opening", "sink: after opening", phase::fresh, [&] {
    const auto& stored = world_.targets[name_];
    open_tables_ = stored.tables;
    known_ = stored.progress;
  });
  if (phase_ == phase::fresh) phase_ = phase::open;
  return known_;
}

writer& strict_sink::attach(const route_ptr& r) {
  if (writers_.contains(r->id)) world_.violate("a route is attached twice");
  auto& w = writers_[r->id];
  call("sink: before attaching", "sink: after attaching", phase::open,
       [&] { w = std::make_unique<strict_writer>(*this, r); });
  return *w;
}

std::vector<missing_row> strict_sink::prepare() {
  call("sink: before preparing", "sink: after preparing", phase::open, [&] {
    for (const auto& [id, w] : writers_)
      if (w->dirty()) world_.violate("prepare() before flush()");
  });
  phase_ = phase::prepared;
  return std::exchange(missing_, {});
}

void strict_sink::commit(const target_progress& next) {
  call("sink: before a commit", "sink: after a commit", phase::prepared, [&] {
    auto& stored = world_.targets[name_];
    const auto now = stored.progress.value_or(target_progress{});
    const auto read = known_.value_or(target_progress{});
    if (now.epoch != read.epoch) world_.violate("somebody else has committed to " + name_);
    if (next.pipeline_id.empty()) world_.violate("a commit without a pipeline id");
    if (next.epoch <= now.epoch) world_.violate("a target's epoch does not grow");
    if (next.position < now.position) world_.violate("a target goes back");
    if (now.consistent && !next.consistent && !world_.read_anew)
      world_.violate("a target that was consistent takes it back");
    if (!world_.store->load(next.epoch))
      world_.violate("an epoch is committed before its checkpoint is saved");
    check_cut(next);
    stored.tables = open_tables_;
    stored.progress = next;
    known_ = next;
  });
  phase_ = phase::open;
}

void strict_sink::check_cut(const target_progress& next) const {
  if (!next.consistent) return;
  const auto n = sim_database::transactions_at(next.position);
  const auto& truth = world_.database.after(n);
  for (std::size_t i = 0; i < table_count; ++i) {
    const auto held = open_tables_.find(sim_database::schemas()[i]->name);
    if (held == open_tables_.end() ? truth[i].empty() : held->second.rows == truth[i]) continue;
    world_.violate(
        name_ + " calls itself consistent after " + std::to_string(n) + " transactions, and table "
        + sim_database::schemas()[i]->name + " is not what the source held: "
        + difference(held == open_tables_.end() ? table_rows{} : held->second.rows, truth[i]));
  }
}

} // namespace leat::sim
