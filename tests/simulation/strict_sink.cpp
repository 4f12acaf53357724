#include "tests/simulation/strict_sink.hpp"

#include <algorithm>
#include <charconv>

#include "dataflow/route_shape.hpp"
#include "dataflow/table_columns.hpp"
#include "tests/simulation/sim_source.hpp"
#include "tests/simulation/target_check.hpp"

namespace leat::sim {

namespace {

std::uint32_t number(std::string_view text) {
  std::uint32_t n = 0;
  std::from_chars(text.data(), text.data() + text.size(), n);
  return n;
}

/// A row of a batch, by the numbers of its columns.
struct sent_row {
  std::string key;
  row_version shown;
  cell_state value = cell_state::absent;
  cell_state large = cell_state::absent;
};

sent_row read_row(const batch& b, const change& c, std::span<const cell> cells) {
  sent_row out;
  for (std::size_t i = 0; i < cells.size(); ++i) {
    const auto which = b.schema_of(c).columns[i].number;
    if (which >= first_computed_number) continue;
    const auto text = b.text(cells[i]);
    if (which == key_number) out.key = text;
    if (which == value_number) out.value = cells[i].state();
    if (which == large_number) out.large = cells[i].state();
    if (!cells[i].has_value()) continue;
    if (which == value_number) out.shown.value = number(text);
    if (which == large_number) out.shown.large = number(text);
    if (which > large_number) out.shown.extra = number(text);
  }
  return out;
}

std::vector<std::pair<std::int16_t, std::string>> columns_of(const route& r) {
  std::vector<std::pair<std::int16_t, std::string>> out;
  for (const auto& c : r.columns) out.emplace_back(r.schema->columns[c.source].number, c.name);
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

  void write(const batch_ptr& rows, std::span<const std::uint32_t> changes) override {
    sink_.call("sink: before a write", "sink: after a write", phase::open, [&] {
      unflushed_ += changes.size();
      if (table().columns != columns_of(*route_)) violate("has other columns than its route");
      for (const auto i : changes) take(*rows, rows->changes[i]);
    });
  }
  std::size_t buffered() const override { return unflushed_; }
  void flush() override {
    sink_.call("sink: before a flush", "sink: after a flush", phase::open, [&] { unflushed_ = 0; });
  }
  void change_schema(const route_ptr& after) override {
    between_flushes("sink: before DDL", "sink: after DDL", [&] {
      auto& t = table();
      if (t.columns != columns_of(*route_)) violate("is to change from other columns than it has");
      route_ = after;
      const auto extra = t.extra();
      trace("takes columns", after->schema->columns.size());
      t.columns = columns_of(*after);
      t.record = columns_record(*after);
      if (t.extra() == extra) return;
      for (auto& [key, row] : t.rows) row.shown.extra.reset();
      for (auto* rows : {&t.bag, &t.fresh}) {
        bag_rows changed;
        for (auto r : *rows) {
          r.extra.reset();
          changed.insert(r);
        }
        *rows = std::move(changed);
      }
    });
  }
  void begin_snapshot(std::uint32_t generation) override {
    between_flushes("sink: before a snapshot", "sink: after a snapshot's begin", [&] {
      auto& t = table();
      trace("begins generation", generation);
      if (t.finished && generation == t.generation) return; // sent once more after a restart
      if (generation != t.generation) {
        t.brought.clear();
        t.fresh.clear();
        t.begun.clear();
        t.snapshot_rows.clear();
        sink_.world_.open_counts[sink_.name_][route_->target].clear();
      }
      t.generation = generation;
      t.finished = false;
      t.settled = false;
      t.read.clear();
    });
  }
  void finish_snapshot(std::uint32_t generation) override {
    between_flushes("sink: before a snapshot's end", "sink: after a snapshot's end", [&] {
      auto& t = table();
      trace("finishes generation", generation);
      t.settled = true;
      t.read.clear();
      if (t.finished) return;
      if (generation != t.generation) violate("ends another snapshot than began");
      t.finished = true;
      if (keyless()) t.bag = std::exchange(t.fresh, {});
      for (auto& [key, row] : t.rows)
        if (!t.brought.contains(key)) row.deleted = true;
      if (!soft()) std::erase_if(t.rows, [](const auto& r) { return r.second.deleted; });
    });
  }

 private:
  template <class Work>
  void between_flushes(const char* before, const char* after, Work work) {
    if (unflushed_ != 0) sink_.world_.violate(std::string(before) + ": there was no flush");
    sink_.call(before, after, phase::open, work);
  }

  void violate(const std::string& what) const {
    sink_.world_.violate("table " + route_->target + " of " + sink_.name_ + " " + what);
  }

  void trace(const std::string& what, std::uint64_t number) const {
    sink_.world_.trace(sink_.name_ + "/" + route_->target + " " + what + " "
                       + std::to_string(number));
  }

  target_table& table() { return sink_.open_tables_[route_->progress_name()]; }
  bool keyless() const { return route_->mode == route_mode::upsert && route_->key.empty(); }
  bool soft() const { return route_->removal == delete_mode::soft; }

  void take(const batch& b, const change& c) {
    trace("takes " + std::string(1, "iudtr"[static_cast<std::size_t>(c.kind)]) + " of "
              + read_row(b, c, b.old_row(c)).key + ">" + read_row(b, c, b.new_row(c)).key
              + (is_lookup(c) ? " looked up" : "") + " at commit",
          sim_database::transactions_at(b.transaction_of(c).commit));
    if (route_->mode == route_mode::append) return append(b, c);
    if (keyless()) return take_keyless(b, c);
    take_keyed(b, c);
  }

  void remove(target_table& t, const std::string& key) {
    const auto row = t.rows.find(key);
    if (row == t.rows.end()) return;
    row->second.deleted = true;
    if (!soft()) t.rows.erase(row);
  }

  void take_keyed(const batch& b, const change& c) {
    auto& t = table();
    if (c.kind == change_kind::truncate) {
      for (auto& [key, row] : t.rows) row.deleted = true;
      if (!soft()) t.rows.clear();
      return;
    }
    const auto old_cells = b.old_row(c);
    const auto old_row = read_row(b, c, old_cells);
    if (c.kind == change_kind::remove) return remove(t, old_row.key);
    const auto fresh = read_row(b, c, b.new_row(c));
    const auto& key = fresh.key;
    const auto& old_key = old_cells.empty() ? key : old_row.key;
    const auto before = t.rows.find(old_key);
    if (c.kind == change_kind::read) t.read.insert(key);
    const bool stays = old_key == key || (t.settled && !t.read.contains(old_key));
    const bool known = before != t.rows.end() && !before->second.deleted && stays;
    auto shown = fresh.shown;
    if (known && fresh.large == cell_state::unchanged) shown.large = before->second.shown.large;
    if (old_key != key) remove(t, old_key);
    if (fresh.large == cell_state::unchanged && !known) return miss(key);
    t.rows[key] = {shown, false};
    t.brought.insert(key);
  }

  /// R6: until the table is a cut, what stands under an old key may be a later row.
  void miss(const std::string& key) {
    trace("misses " + key, 0);
    table().rows.erase(key);
    std::vector<std::string> texts;
    for (const auto k : route_->key) {
      const auto own =
          std::find_if(route_->own_rows.begin(), route_->own_rows.end(),
                       [&](const own_value& v) { return v.column == route_->columns[k].name; });
      texts.push_back(own == route_->own_rows.end() ? key : own->text);
    }
    sink_.missing_.add(route_->id, std::move(texts));
  }

  /// R5.7: rows from before stay until the snapshot is finished, and no change touches them.
  void take_keyless(const batch& b, const change& c) {
    auto& t = table();
    auto& rows = t.finished ? t.bag : t.fresh;
    if (c.kind == change_kind::truncate) {
      t.bag.clear();
      t.fresh.clear();
      return;
    }
    if (c.kind == change_kind::read && t.finished) violate("takes a row of no snapshot");
    auto fresh = read_row(b, c, b.new_row(c)).shown;
    if (c.kind == change_kind::update || c.kind == change_kind::remove) {
      const auto old_row = read_row(b, c, b.old_row(c)).shown;
      const auto found = rows.find(old_row);
      if (found == rows.end())
        violate("lacks the row that a change names, at " + to_string(b.position_of(c).commit));
      else
        rows.erase(found);
      if (c.kind == change_kind::remove) return;
      if (read_row(b, c, b.new_row(c)).large == cell_state::unchanged) fresh.large = old_row.large;
    }
    rows.insert(fresh);
  }

  void append(const batch& b, const change& c) {
    auto& t = table();
    if (is_lookup(c)) violate("takes a row that was looked up");
    log_row row{.kind = c.kind, .at = b.position_of(c), .key = {}, .shown = {}};
    const auto cells = c.kind == change_kind::remove ? b.old_row(c) : b.new_row(c);
    const auto sent = read_row(b, c, cells);
    row.key = sent.key;
    row.shown = sent.shown;
    row.has_value = sent.value == cell_state::value;
    row.has_large = sent.large == cell_state::value;
    if (c.kind == change_kind::read && t.source != bag && !t.snapshot_rows.insert(row.key).second)
      violate("takes two rows of key " + row.key + " in generation "
              + std::to_string(t.generation));
    const bool moved = c.kind == change_kind::update && !b.old_row(c).empty();
    if (c.kind == change_kind::insert || moved) t.begun.insert(row.key);
    t.log.push_back(std::move(row));
  }

  strict_sink& sink_;
  route_ptr route_;
  std::size_t unflushed_ = 0; ///< changes
};

strict_sink::strict_sink(world& w, std::string name) : world_(w), name_(std::move(name)) {}
strict_sink::~strict_sink() = default;

std::optional<target_progress> strict_sink::open() {
  call("sink: before opening", "sink: after opening", phase::fresh, [&] {
    auto& stored = world_.targets[name_];
    stored.attached.clear();
    open_tables_ = stored.tables;
    world_.open_counts[name_] = stored.counts;
    known_ = stored.progress;
    if (!known_) return;
    for (const auto& [name, t] : stored.tables) known_->columns[name] = t.record;
  });
  if (phase_ == phase::fresh) phase_ = phase::open;
  return known_;
}

writer& strict_sink::attach(const route_ptr& r) {
  auto& w = writers_[r->id];
  call("sink: before attaching", "sink: after attaching", phase::open, [&] {
    take_table(*r);
    w = std::make_unique<strict_writer>(*this, r);
  });
  return *w;
}

void strict_sink::take_table(const route& r) {
  auto& stored = world_.targets[name_];
  stored.attached.insert(r.progress_name());
  auto& t = open_tables_[r.progress_name()];
  t.even_alone = r.shape && r.shape->where;
  if (t.columns.empty()) {
    t.columns = columns_of(r);
    t.record = columns_record(r);
  }
  if (t.columns != columns_of(r))
    world_.violate("table " + r.target + " of " + name_ + " is attached with other columns");
  t.source = sim_database::table_of(r.schema->id);
  t.mode = r.mode;
  if (r.mode != route_mode::append) return;
  const auto held = known_ ? sim_database::transactions_at(known_->position) : 0;
  const auto from = stored.log_from.try_emplace(r.target, std::max(held, world_.streams_from));
  if (!t.checked) t.checked = from.first->second;
}

std::map<route_id, missing_rows> strict_sink::prepare() {
  for (const auto& [id, w] : writers_) w->flush();
  call("sink: before preparing", "sink: after preparing", phase::open, [] {});
  phase_ = phase::prepared;
  return missing_.take();
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
    // A row that begins to match is looked up when an update left a value of it alone.
    const bool looks_up = std::ranges::any_of(
        stored.attached, [&](const auto& t) { return open_tables_[t].even_alone; });
    if (now.consistent && !next.consistent && !world_.read_anew && !looks_up)
      world_.violate("a target that was consistent takes it back");
    if (!world_.store->load(next.epoch))
      world_.violate("an epoch is committed before its checkpoint is saved");
    world_.trace(name_ + " commits epoch " + std::to_string(next.epoch) + " after "
                 + std::to_string(sim_database::transactions_at(next.position)) + " transactions"
                 + (next.consistent ? ", consistent" : ""));
    check(next);
    if (next.consistent) settle();
    stored.tables = open_tables_;
    stored.counts = world_.open_counts[name_];
    stored.progress = next;
    known_ = next;
  });
  phase_ = phase::open;
}

/// Of a cut every row is the stream's.
void strict_sink::settle() {
  for (const auto& name : world_.targets[name_].attached) {
    open_tables_[name].settled = true;
    open_tables_[name].read.clear();
  }
}

void strict_sink::check(const target_progress& next) {
  const auto n = sim_database::transactions_at(next.position);
  for (const auto& name : world_.targets[name_].attached) {
    auto& t = open_tables_[name];
    const auto wrong = [&](const std::string& what) {
      world_.violate("table " + name + " of " + name_ + " after " + std::to_string(n)
                     + " transactions: " + what);
    };
    if (t.mode == route_mode::append)
      if (const auto problem = check_log(world_.database, t, n)) wrong(*problem);
    if (!next.consistent) continue;
    if (const auto problem = check_cut(world_.database, t, n))
      wrong("not what the source held, though it is called consistent: " + *problem);
  }
}

} // namespace leat::sim
