#include "dataflow/operator_state.hpp"

#include <algorithm>
#include <set>
#include <utility>

#include "dataflow/error.hpp"
#include "dataflow/operator_records.hpp"

namespace leat {

using namespace operator_records;

namespace {

/// What is written between two frames at the most.
constexpr std::size_t largest_write = 1U << 20;

std::vector<std::pair<operator_name, space_record>> all_spaces(const key_value_store& log) {
  std::vector<std::pair<operator_name, space_record>> out;
  log.scan("n", "o", false, [&](std::string_view key, std::string_view value) {
    out.emplace_back(decode_name(key), decode_space(value));
    return true;
  });
  return out;
}

/// What has to be written to take back some changes, newest first.
class reversal {
 public:
  /// `names`: of the states that are there, by their numbers.
  reversal(const key_value_store& log, const std::map<std::uint32_t, operator_name>& names)
      : log_(log), names_(names) {}

  void take_back(std::string_view key, std::string_view value) {
    bytes_ += key.size() + value.size();
    forget(key);
    const auto record = decode_undo(value);
    if (record.whole) {
      const auto before = decode_space(record.before.value_or(""));
      if (names_.contains(before.id)) spaces_[record.key] = before;
    } else if (const auto of = names_.find(space_of_data(record.key)); of != names_.end()) {
      account(space_of(of->second), record.key, current(record.key), record.before);
      values_[record.key] = record.before;
    }
  }
  void forget(std::string_view key) { changes_.removals.emplace_back(key); }

  bool is_full() const { return bytes_ >= largest_write; }
  bool is_empty() const { return changes_.removals.empty(); }

  key_value_write changes() && {
    for (auto& [key, value] : values_) {
      if (value)
        changes_.puts.emplace_back(key, std::move(*value));
      else
        changes_.removals.push_back(key);
    }
    for (const auto& [key, record] : spaces_) changes_.puts.emplace_back(key, encode(record));
    return std::move(changes_);
  }

 private:
  std::optional<std::string> current(const std::string& key) const {
    const auto known = values_.find(key);
    return known == values_.end() ? log_.get(key) : known->second;
  }
  space_record& space_of(const operator_name& name) {
    const auto [at, fresh] = spaces_.try_emplace(name_key(name));
    if (!fresh) return at->second;
    if (const auto stored = log_.get(at->first)) at->second = decode_space(*stored);
    return at->second;
  }

  const key_value_store& log_;
  const std::map<std::uint32_t, operator_name>& names_;
  std::map<std::string, std::optional<std::string>> values_; ///< by whole key, as they were
  std::map<std::string, space_record> spaces_;
  key_value_write changes_;
  std::size_t bytes_ = 0;
};

} // namespace

operator_store::operator_store(std::shared_ptr<key_value_store> log) : log_(std::move(log)) {
  const auto stored = log_->get("format");
  if (stored && *stored != "1")
    throw error(error_kind::state,
                "the state of transforms was written by a newer leat (format " + *stored
                    + ", this one knows 1)",
                "state, operators", "run the newer version");
}

std::optional<epoch_id> operator_store::synced(const std::string& sink) const {
  const auto found = log_->get(barrier_key(sink));
  if (!found) return std::nullopt;
  return decode_number(*found);
}

bool operator_store::holds(const operator_name& name) const {
  return log_->get(name_key(name)).has_value();
}

std::vector<operator_size> operator_store::sizes() const {
  std::vector<operator_size> out;
  for (const auto& [name, space] : all_spaces(*log_))
    out.push_back({name, space.keys, space.bytes});
  return out;
}

void operator_store::make(const std::map<operator_name, std::string>& kinds,
                          const std::map<std::string, epoch_id>& sinks) {
  std::map<operator_name, space_record> known;
  std::uint32_t last = 0;
  for (const auto& [name, space] : all_spaces(*log_)) {
    last = std::max(last, space.id);
    known.emplace(name, space);
  }
  key_value_write changes;
  if (!log_->get("format")) changes.puts.emplace_back("format", "1");
  for (const auto& [name, kind] : kinds) {
    const auto found = known.find(name);
    if (found != known.end() && found->second.kind == kind) continue;
    if (found != known.end())
      changes.ranges.emplace_back(data_key(found->second.id, 0, {}),
                                  data_key(found->second.id + 1, 0, {}));
    space_record made;
    made.id = ++last;
    made.kind = kind;
    changes.puts.emplace_back(name_key(name), encode(made));
    if (const auto sink = sinks.find(name.sink); sink != sinks.end() && !synced(name.sink))
      changes.puts.emplace_back(barrier_key(name.sink), encode_number(sink->second));
  }
  if (!changes.puts.empty()) log_->write(changes, true);
}

void operator_store::keep(const std::map<operator_name, std::string>& wanted) {
  key_value_write gone;
  std::map<std::string, bool> sinks;
  for (const auto& [name, space] : all_spaces(*log_)) {
    auto& stays = sinks[name.sink];
    stays = stays || wanted.contains(name);
    if (wanted.contains(name)) continue;
    gone.removals.push_back(name_key(name));
    gone.ranges.emplace_back(data_key(space.id, 0, {}), data_key(space.id + 1, 0, {}));
  }
  for (const auto& [sink, stays] : sinks) {
    if (stays) continue;
    gone.removals.push_back(barrier_key(sink));
    gone.ranges.emplace_back(undo_prefix(sink, 0), undo_end(sink));
    gone.ranges.emplace_back(garbage_prefix(sink, 0), garbage_end(sink));
  }
  if (!gone.removals.empty()) log_->write(gone, true);
}

/// Newest first; in parts, so that memory is bounded. A crash in between is no harm: what was taken
/// back is not recorded any more.
void operator_store::undo(const std::string& sink, epoch_id epoch) {
  std::map<std::uint32_t, operator_name> names;
  for (const auto& [name, space] : all_spaces(*log_)) names.emplace(space.id, name);
  for (bool more = true; more;) {
    reversal part(*log_, names);
    log_->scan(undo_prefix(sink, epoch), undo_end(sink), true,
               [&](std::string_view key, std::string_view value) {
                 part.take_back(key, value);
                 return !part.is_full();
               });
    more = part.is_full();
    if (!more)
      log_->scan(garbage_prefix(sink, epoch), garbage_end(sink), false,
                 [&](std::string_view key, std::string_view) {
                   part.forget(key);
                   return true;
                 });
    if (part.is_empty()) return;
    log_->write(std::move(part).changes(), !more);
  }
}

void operator_store::stands_at(const std::string& sink, epoch_id epoch) {
  const std::scoped_lock lock(mutex_);
  auto& at = stands_[sink];
  at = std::max(at, epoch);
}

epoch_id operator_store::stand_of(const std::string& sink) {
  const std::scoped_lock lock(mutex_);
  const auto found = stands_.find(sink);
  return found == stands_.end() ? 0 : found->second;
}

void operator_store::forget_before(epoch_id oldest) {
  std::set<std::string> sinks;
  for (const auto& [name, space] : all_spaces(*log_)) sinks.insert(name.sink);
  key_value_write gone;
  for (const auto& sink : sinks) {
    // A snapshot that begins empties a state, also in an epoch in which its sink commits nothing.
    const auto last = std::min(oldest, stand_of(sink));
    const auto first = undo_prefix(sink, 0);
    const auto end = undo_prefix(sink, last);
    bool found = false;
    log_->scan(first, end, false, [&](std::string_view, std::string_view) {
      found = true;
      return false;
    });
    if (found) gone.ranges.emplace_back(first, end);
    log_->scan(garbage_prefix(sink, 0), garbage_prefix(sink, last), false,
               [&](std::string_view key, std::string_view value) {
                 gone.removals.emplace_back(key);
                 const auto [id, generation] = decode_garbage(value);
                 gone.ranges.emplace_back(data_key(id, generation, {}),
                                          data_key(id, generation + 1, {}));
                 return true;
               });
  }
  if (!gone.ranges.empty() || !gone.removals.empty()) log_->write(gone, false);
}

class operator_states::handle final : public keyed_state {
 public:
  handle(operator_states& states, space& of) : states_(states), of_(of) {}
  std::optional<std::string> get(std::string_view key) override { return states_.get(of_, key); }
  void put(std::string_view key, std::string_view value) override { states_.set(of_, key, value); }
  void erase(std::string_view key) override { states_.set(of_, key, std::nullopt); }
  void clear() override;

 private:
  operator_states& states_;
  space& of_;
};

struct operator_states::space {
  space(operator_states& states, operator_name n, space_record r)
      : name(std::move(n)), record(std::move(r)), access(states, *this) {}
  operator_name name;
  space_record record;
  bool changed = false;
  handle access;
};

void operator_states::handle::clear() {
  if (of_.record.keys != 0) states_.begin_anew(of_, of_.record.snapshot);
}

operator_states::operator_states(std::shared_ptr<operator_store> store, std::string sink,
                                 epoch_id after)
    : store_(std::move(store)), sink_(std::move(sink)), after_(after) {}

operator_states::~operator_states() = default;

keyed_state& operator_states::open(const operator_name& name) {
  auto& known = spaces_[name];
  if (!known) {
    const auto stored = store_->log().get(name_key(name));
    if (!stored)
      throw error(error_kind::bug, "the state of transform " + name.transform + " was not made",
                  "sink " + sink_ + ", " + name.target, "report this");
    known = std::make_unique<space>(*this, name, decode_space(*stored));
  }
  return known->access;
}

void operator_states::begin_snapshot(const operator_name& name, std::uint32_t generation,
                                     bool always) {
  auto& of = *spaces_.at(name);
  if (always || of.record.snapshot != generation) begin_anew(of, generation);
}

std::map<std::string, operator_states::pending, std::less<>>::iterator
operator_states::entry(const space& of, std::string_view key) {
  const auto [at, fresh] = pending_.try_emplace(data_key(of.record.id, of.record.generation, key));
  if (!fresh) return at;
  at->second.now = at->second.before = store_->log().get(at->first);
  pending_bytes_ += at->first.size() + 2 * (at->second.now ? at->second.now->size() : 0);
  return at;
}

std::optional<std::string> operator_states::get(const space& of, std::string_view key) {
  auto value = entry(of, key)->second.now;
  if (pending_bytes_ >= largest_write) write();
  return value;
}

void operator_states::set(space& of, std::string_view key, std::optional<std::string_view> value) {
  const auto at = entry(of, key);
  account(of.record, at->first, at->second.now, value);
  pending_bytes_ += value ? value->size() : 0;
  if (value)
    at->second.now.emplace(*value);
  else
    at->second.now.reset();
  of.changed = true;
  if (pending_bytes_ >= largest_write) write();
}

std::string operator_states::undo_key() {
  return numbered(undo_prefix(sink_, after_), sequence_++);
}

void operator_states::write() {
  if (pending_.empty()) return;
  key_value_write changes;
  for (auto& [key, p] : pending_) {
    if (p.now == p.before) continue;
    changes.puts.emplace_back(undo_key(), encode(undo_record{false, key, std::move(p.before)}));
    if (p.now)
      changes.puts.emplace_back(key, std::move(*p.now));
    else
      changes.removals.push_back(key);
  }
  for (auto& [name, of] : spaces_)
    if (std::exchange(of->changed, false))
      changes.puts.emplace_back(name_key(name), encode(of->record));
  pending_.clear();
  pending_bytes_ = 0;
  if (!changes.puts.empty() || !changes.removals.empty()) store_->log().write(changes, false);
}

void operator_states::begin_anew(space& of, std::uint32_t snapshot) {
  write();
  key_value_write changes;
  const auto name = name_key(of.name);
  changes.puts.emplace_back(undo_key(), encode(undo_record{true, name, encode(of.record)}));
  changes.puts.emplace_back(numbered(garbage_prefix(sink_, after_), sequence_++),
                            encode_garbage(of.record.id, of.record.generation));
  ++of.record.generation;
  of.record.snapshot = snapshot;
  of.record.keys = of.record.bytes = 0;
  changes.puts.emplace_back(name, encode(of.record));
  store_->log().write(changes, false);
}

void operator_states::pass(epoch_id barrier, bool synced) {
  write();
  after_ = barrier;
  if (synced && !spaces_.empty())
    store_->log().write(
        {.ranges = {}, .removals = {}, .puts = {{barrier_key(sink_), encode_number(barrier)}}},
        true);
}

std::vector<operator_size> operator_states::sizes() const {
  std::vector<operator_size> out;
  for (const auto& [name, of] : spaces_) out.push_back({name, of->record.keys, of->record.bytes});
  return out;
}

} // namespace leat
