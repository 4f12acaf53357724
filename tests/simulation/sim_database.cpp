#include "tests/simulation/sim_database.hpp"

#include "tests/support/batch_builder.hpp"

namespace leat::sim {

namespace {

constexpr std::size_t keys_per_table = model::key_count / table_count;

std::size_t table_of(std::size_t key) { return key / keys_per_table; }
std::string text_of(std::size_t key) { return {static_cast<char>('a' + key)}; }

/// Some updates change the large value as well.
bool changes_large(std::uint32_t value) { return value % 3 == 0; }

} // namespace

const std::array<schema_ptr, table_count>& sim_database::schemas() {
  const auto make = [](const char* name, oid id) {
    return test::table(name)
        .id(id)
        .column("id", value_class::text)
        .column("value", value_class::int8)
        .column("large", value_class::text)
        .key({"id"})
        .build();
  };
  static const std::array<schema_ptr, table_count> all{make("public.left", 16384),
                                                       make("public.right", 16385)};
  return all;
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
    if (value != 0) out[table_of(key)][text_of(key)] = {value, large_of_.at(value)};
  }
  return out;
}

void sim_database::translate(const model::source_transaction& t) {
  streamed_transaction made;
  made.xid = static_cast<std::uint32_t>(t.xid);
  auto now = after_.back();
  for (const auto& w : t.writes) translate(w, made, now);
  wal_.push_back(std::move(made));
  after_.push_back(std::move(now));
}

void sim_database::translate(const model::row_write& w, streamed_transaction& t, all_rows& now) {
  if (w.kind == change_kind::truncate) {
    for (std::size_t table = 0; table < table_count; ++table)
      t.changes.push_back({table, change_kind::truncate, {}, {}, 0, {}, w.sent});
    now = {};
    return;
  }
  const auto from = table_of(w.old_key);
  const auto to = table_of(w.new_key);
  const auto old_key = text_of(w.old_key);
  const auto new_key = text_of(w.new_key);
  if (w.kind == change_kind::remove) {
    t.changes.push_back({from, change_kind::remove, old_key, {}, 0, {}, w.sent});
    now[from].erase(old_key);
    return;
  }
  const bool leaves_table = w.moves && from != to;
  const bool same_row = w.kind == change_kind::update && !leaves_table;
  const bool whole = !same_row || changes_large(w.value);
  const auto large = whole ? w.value : now[from].at(old_key).large;
  if (leaves_table) t.changes.push_back({from, change_kind::remove, old_key, {}, 0, {}, w.sent});
  t.changes.push_back({to, same_row ? change_kind::update : change_kind::insert,
                       same_row && w.moves ? old_key : std::string{}, new_key, w.value,
                       whole ? std::optional(large) : std::nullopt, w.sent});
  if (w.moves) now[from].erase(old_key);
  now[to][new_key] = {w.value, large};
  large_of_[w.value] = large;
}

} // namespace leat::sim
