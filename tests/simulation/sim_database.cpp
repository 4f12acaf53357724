#include "tests/simulation/sim_database.hpp"

#include <algorithm>

#include "tests/support/batch_builder.hpp"

namespace leat::sim {

namespace {

constexpr std::size_t keys_per_table = model::key_count / keyed_count;

std::size_t table_of_key(std::size_t key) { return key / keys_per_table; }
std::string text_of(std::size_t key) { return {static_cast<char>('a' + key)}; }

/// Some updates change the large value as well.
bool changes_large(std::uint32_t value) { return value % 3 == 0; }

std::uint32_t in_bag(std::uint32_t value) { return value % 3; }

std::uint8_t bit_of(std::size_t table) { return static_cast<std::uint8_t>(1U << table); }

schema_ptr make_schema(std::size_t table, const std::string& value_name, std::int16_t extra,
                       const std::string& extra_name, bool filled) {
  auto t = test::table("public." + std::string(sim_database::name_of(table)));
  t.id(sim_database::id_of(table));
  if (table != bag) t.column("id", value_class::text, key_number);
  t.column(value_name, value_class::int8, value_number);
  t.column("large", value_class::text, large_number);
  if (extra != 0) t.column(extra_name, value_class::int8, extra);
  if (table == bag)
    t.replica_full();
  else
    t.key({"id"});
  auto made = *t.build();
  if (extra != 0) made.columns.back().filled = filled;
  return std::make_shared<const table_schema>(std::move(made));
}

std::string name_of_column(const table_schema& t, std::int16_t number) {
  for (const auto& c : t.columns)
    if (c.number == number) return c.name;
  return {};
}

} // namespace

sim_database::sim_database(model::random& r) : source(r) {
  for (std::size_t t = 0; t < table_count; ++t)
    versions_[t].push_back({0, make_schema(t, "value", 0, {}, false), 0, 0, {}});
}

const char* sim_database::name_of(std::size_t table) {
  constexpr const char* names[] = {"left", "right", "bag"};
  return names[table];
}

const std::vector<streamed_transaction>& sim_database::wal() {
  while (wal_.size() < source.wal().size()) translate(source.wal()[wal_.size()]);
  return wal_;
}

const all_rows& sim_database::after(std::size_t n) {
  wal();
  return after_.at(n);
}

all_rows sim_database::visible() {
  wal();
  all_rows out;
  for (std::size_t key = 0; key < model::key_count; ++key) {
    const auto value = source.visible()[key];
    if (value != 0) out[table_of_key(key)][text_of(key)] = {value, large_of_.at(value), {}};
  }
  return out;
}

bool sim_database::alter(model::random& r) {
  source.settle();
  const auto n = wal().size();
  const auto table = r.below(table_count);
  auto next = versions_[table].back();
  auto value_name = name_of_column(*next.schema, value_number);
  auto extra_name = next.extra == 0 ? "extra" : name_of_column(*next.schema, next.extra);
  const auto what = r.below(4);
  const bool adds = next.extra == 0 || what == 0;
  const bool drops = next.extra != 0 && what < 2;
  if (drops) next.extra = 0;
  if (what == 2) value_name = value_name == "value" ? "amount" : "value";
  if (what == 3 && next.extra != 0) extra_name = extra_name == "extra" ? "note" : "extra";
  bool filled = next.default_extra.has_value() && next.extra != 0;
  bool shows_default = false;
  if (adds && next.extra == 0) {
    next.extra = ++last_extra_;
    next.extra_since = n;
    shows_default = filled = r.chance(2);
    next.default_extra.reset();
    if (filled) next.default_extra = 1000U + r.below(10);
  }
  next.from = n;
  next.schema = make_schema(table, value_name, next.extra, extra_name, filled);
  versions_[table].push_back(next);
  return shows_default;
}

void sim_database::publish(std::size_t table, bool before_slot) {
  if (published_[table]) return;
  published_[table] = before_slot ? 0 : wal().size();
  if (!before_slot) source.publish(bit_of(table));
}

bool sim_database::sends(std::size_t n, const streamed_change& c) const {
  const auto& since = published_[c.table];
  return c.sent && since && n >= *since && (c.unpublished & bit_of(c.table)) == 0;
}

const table_version& sim_database::version(std::size_t table, std::size_t n) const {
  const auto& all = versions_[table];
  return *std::find_if(all.rbegin(), all.rend(), [&](const auto& v) { return v.from <= n; });
}

row_version sim_database::shown(std::size_t table, const table_version& v, const row_version& r) {
  row_version out{r.value, r.large, {}};
  if (v.extra != 0)
    out.extra = written_in_.at(r.value) >= v.extra_since ? std::optional(r.value) : v.default_extra;
  if (table != bag) return out;
  out.value = in_bag(out.value);
  out.large = in_bag(out.large);
  if (out.extra) out.extra = in_bag(*out.extra);
  return out;
}

table_rows sim_database::shown(std::size_t table, const table_version& v, const all_rows& all) {
  table_rows out;
  for (const auto& [key, row] : all[table]) out.emplace(key, shown(table, v, row));
  return out;
}

bag_rows sim_database::shown_bag(const table_version& v, const all_rows& all) {
  bag_rows out;
  for (const auto& rows : all)
    for (const auto& [key, row] : rows) out.insert(shown(bag, v, row));
  return out;
}

void sim_database::translate(const model::source_transaction& t) {
  streamed_transaction made;
  made.xid = static_cast<std::uint32_t>(t.xid);
  auto now = after_.back();
  for (const auto& w : t.writes) {
    translate(w, made, now);
    written_in_[w.value] = wal_.size();
  }
  wal_.push_back(std::move(made));
  after_.push_back(std::move(now));
}

void sim_database::translate(const model::row_write& w, streamed_transaction& t, all_rows& now) {
  const auto add = [&](streamed_change c) {
    c.sent = w.sent;
    c.unpublished = w.unpublished;
    t.changes.push_back(std::move(c));
  };
  if (w.kind == change_kind::truncate) {
    for (std::size_t table = 0; table < table_count; ++table)
      add({.table = table, .kind = change_kind::truncate});
    now = {};
    return;
  }
  const auto from = table_of_key(w.old_key);
  const auto to = table_of_key(w.new_key);
  const auto old_key = text_of(w.old_key);
  const auto new_key = text_of(w.new_key);
  const auto held = now[from].find(old_key);
  const auto before = held == now[from].end() ? row_version{} : held->second;
  if (w.kind == change_kind::remove) {
    add({.table = from, .kind = w.kind, .old_key = old_key, .before = before});
    translate_to_bag(w, before, {}, true, t);
    now[from].erase(old_key);
    return;
  }
  const bool leaves_table = w.moves && from != to;
  const bool updates = w.kind == change_kind::update;
  const bool same_row = updates && !leaves_table;
  const bool whole = !updates || changes_large(w.value);
  const row_version fresh{w.value, whole ? w.value : before.large, {}};
  if (leaves_table)
    add({.table = from, .kind = change_kind::remove, .old_key = old_key, .before = before});
  add({.table = to,
       .kind = same_row ? change_kind::update : change_kind::insert,
       .old_key = same_row && w.moves ? old_key : std::string{},
       .new_key = new_key,
       .before = before,
       .now = fresh,
       .whole = whole || leaves_table});
  translate_to_bag(w, before, fresh, whole, t);
  if (w.moves) now[from].erase(old_key);
  now[to][new_key] = fresh;
  large_of_[w.value] = fresh.large;
}

void sim_database::translate_to_bag(const model::row_write& w, const row_version& before,
                                    const row_version& now, bool whole,
                                    streamed_transaction& t) const {
  t.changes.push_back({.table = bag,
                       .kind = w.kind,
                       .before = before,
                       .now = now,
                       .whole = whole,
                       .sent = w.sent,
                       .unpublished = w.unpublished});
}

} // namespace leat::sim
