#include "plugins/postgres/target_keyed_writer.hpp"

#include <algorithm>
#include <charconv>
#include <memory>
#include <utility>

namespace leat::postgres {

namespace {

/// Bounds of one statement. The arrays exist three times: here, in libpq, at the server.
constexpr std::size_t rows_a_statement = 20000;
constexpr std::size_t bytes_a_statement = 4U << 20;
/// COPY costs a round trip of its own.
constexpr std::size_t rows_worth_copying = 64;
constexpr std::size_t rows_worth_sorting = 256;
constexpr std::size_t longest_skip = 64;
/// New rows are sent on when this much has come: the server writes them while more are read. More
/// would wait in memory for nothing, less would cost a subtransaction each.
constexpr std::size_t bytes_worth_sending = 4U << 20;
constexpr std::string_view unique_violation = "23505";

std::size_t bytes_of(std::span<const text_array> arrays) {
  std::size_t sum = 0;
  for (const auto& a : arrays) sum += a.bytes();
  return sum;
}

/// A number in about the order of the keys: whole numbers by value, texts by their first bytes.
std::uint64_t near_key(std::string_view text) {
  std::uint64_t place = 0;
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), place);
  if (code == std::errc{} && end == text.data() + text.size()) return place;
  place = 0;
  for (std::size_t i = 0; i < sizeof place; ++i)
    place = place << 8 | (i < text.size() ? static_cast<unsigned char>(text[i]) : 0U);
  return place;
}

void clear(std::span<text_array> arrays) {
  for (auto& a : arrays) a.clear();
}

/// Fills arrays by `add` and hands them to `send` whenever they are full, and at the end.
template <class Items, class Add, class Send>
void in_pieces(const Items& items, std::vector<text_array>& arrays, const Add& add,
               const Send& send) {
  std::size_t rows = 0;
  for (const auto& item : items) {
    add(item);
    if (++rows < rows_a_statement && (rows % 64 != 0 || bytes_of(arrays) < bytes_a_statement))
      continue;
    send();
    clear(arrays);
    rows = 0;
  }
  if (rows != 0) send();
}

} // namespace

target_keyed_writer::target_keyed_writer(target_transaction& transaction, route_ptr r,
                                         const std::string& default_schema)
    : target_writer(transaction, r, default_schema), fold_(r), copied_(std::move(r)) {
  fold_.set_settled(false);
  seen_ = transaction.progress().seen_table(target_route().progress_name());
  seeing_ = session().ask("SELECT to_regclass($1) IS NOT NULL", {seen_}).boolean(0, 0);
  renew_statements();
}

void target_keyed_writer::reshaped() {
  renew_statements();
  if (seeing_ && !begins() && !lost()) widen_seen();
}

/// The key's columns may hold more than they did when the side table was made.
void target_keyed_writer::widen_seen() {
  const auto& table = shape().table;
  const auto types = session().query(seen_types_sql(target_route(), shape(), seen_), table);
  for (int i = 0; i < types.rows(); ++i) {
    const auto name = types.string(i, 0);
    const auto type = types.string(i, 1);
    session().query("ALTER TABLE " + seen_ + " ALTER COLUMN " + name + " TYPE " + type + " USING "
                        + name + "::text::" + type,
                    table);
  }
}

void target_keyed_writer::renew_statements() {
  const auto& table = shape().table;
  const auto renew = [&](target_statement& s, std::string sql) {
    session().release(s);
    s = {std::move(sql), table, {}};
  };
  renew(upsert_, upsert_sql(shape()));
  renew(remove_, remove_sql(shape()));
  renew(read_, read_sql(shape()));
  renew(add_seen_, add_seen_sql(shape(), seen_));
  for (auto& [columns, statement] : updates_) session().release(statement);
  updates_.clear();
  const bool settled = fold_.settled();
  fold_ = fold(shared_route());
  copied_ = fold(shared_route());
  fold_.set_settled(settled);
}

void target_keyed_writer::became_consistent() { fold_.set_settled(true); }

void target_keyed_writer::write(const batch_ptr& rows, std::span<const std::uint32_t> changes) {
  const auto kind_of = [&](std::uint32_t i) { return rows->changes[i].kind; };
  only_new_ = only_new_ && std::all_of(changes.begin(), changes.end(), [&](auto i) {
                return kind_of(i) == change_kind::read || kind_of(i) == change_kind::insert;
              });
  fold_.add(rows, changes);
  if (fold_.mostly_new() && fold_.retained() >= bytes_worth_sending) flush();
}

void target_keyed_writer::add_key(std::span<text_array> arrays, std::uint32_t key) const {
  for (std::size_t i = 0; i < arrays.size(); ++i) arrays[i].add(fold_.key_text(key, i));
}

void target_keyed_writer::miss(std::uint32_t key) {
  missing().add(target_route().id, fold_.key_texts(key));
}

bool target_keyed_writer::lacks_a_change(const fold_entry& e, std::uint32_t key) {
  return letters().kept() && !e.deleted
         && letters().keys_of(target_route().target, session()).may_hold(fold_.key(key));
}

/// The texts of the target's rows that moved rows take their unchanged cells from.
void target_keyed_writer::read_bases() {
  bases_.clear();
  std::vector<const fold_entry*> moved;
  for (const auto& e : fold_.entries())
    if (e.kind == fold_kind::moved && !lacks_a_change(e, e.base)) moved.push_back(&e);
  if (moved.empty()) return;
  std::vector<text_array> arrays(1 + shape().key.size());
  const auto add = [&](const fold_entry* e) {
    arrays[0].add(std::to_string(e->base));
    add_key(std::span(arrays).subspan(1), e->base);
  };
  const auto take = [this](const result& rows) {
    for (int row = 0; row < rows.rows(); ++row) {
      auto& base = bases_[static_cast<std::uint32_t>(rows.number(row, 0))];
      for (int c = 1; c < rows.columns(); ++c)
        base.texts.push_back(rows.is_null(row, c) ? std::nullopt
                                                  : std::optional(rows.string(row, c)));
    }
  };
  in_pieces(moved, arrays, add, [&] { session().send(read_, arrays, take); });
  session().finish();
}

/// Besides the key's.
std::vector<std::size_t> target_keyed_writer::columns_that_came(const fold_entry& e) const {
  const auto& key = shape().key;
  std::vector<std::size_t> columns;
  for (std::size_t i = 0; i < shape().columns.size(); ++i) {
    const bool in_key = std::find(key.begin(), key.end(), i) != key.end();
    if (!in_key && came(fold_.state(e, shape().columns[i].source))) columns.push_back(i);
  }
  return columns;
}

target_keyed_writer::work target_keyed_writer::sort_out() {
  work todo;
  for (const auto& e : fold_.entries()) {
    switch (e.kind) {
    case fold_kind::removed:
      todo.removed.push_back(&e);
      break;
    case fold_kind::lost:
      todo.removed.push_back(&e);
      miss(e.key);
      break;
    case fold_kind::upsert:
      (!e.deleted && (only_new_ || e.from_chunk) ? todo.fresh : todo.whole).push_back(&e);
      break;
    case fold_kind::moved:
      if (bases_.contains(e.base)) {
        todo.whole.push_back(&e);
        break;
      }
      todo.removed.push_back(&e);
      if (!e.deleted) miss(e.key);
      break;
    case fold_kind::partial:
      if (lacks_a_change(e, e.key))
        todo.stale.push_back(&e);
      else
        todo.partial[columns_that_came(e)].push_back(&e);
      break;
    }
  }
  return todo;
}

/// Neighbours in the key's index one after the other: a fifth of the target's work for random keys.
void target_keyed_writer::put_in_key_order(std::vector<const fold_entry*>& entries) const {
  if (entries.size() < rows_worth_sorting) return;
  std::vector<std::pair<std::uint64_t, const fold_entry*>> places;
  places.reserve(entries.size());
  for (const auto* e : entries) places.emplace_back(near_key(fold_.key_text(e->key, 0)), e);
  std::stable_sort(places.begin(), places.end(),
                   [](const auto& a, const auto& b) { return a.first < b.first; });
  for (std::size_t i = 0; i < entries.size(); ++i) entries[i] = places[i].second;
}

void target_keyed_writer::flush() {
  if (fold_.empty()) return;
  begin();
  read_bases();
  auto todo = sort_out();
  for (const auto* e : todo.stale) miss(e->key);
  if (fold_.truncated()) session().query(remove_all_sql(shape()), shape().table);
  put_in_key_order(todo.removed);
  remove(todo.removed);
  put_in_key_order(todo.whole);
  upsert(fold_, todo.whole);
  for (const auto& [columns, entries] : todo.partial) update(columns, entries);
  if (seeing_) note_seen(todo);
  if (worth_copying(todo.fresh.size()))
    copy(std::move(todo.fresh));
  else
    upsert(fold_, todo.fresh);
  session().flush();
  fold_.clear();
  only_new_ = true;
}

void target_keyed_writer::remove(const std::vector<const fold_entry*>& entries) {
  std::vector<text_array> arrays(shape().key.size());
  in_pieces(
      entries, arrays, [&](const fold_entry* e) { add_key(arrays, e->key); },
      [&] { session().send(remove_, arrays); });
}

std::optional<std::string_view> target_keyed_writer::cell_of(const fold& rows, const fold_entry& e,
                                                             std::size_t column) const {
  const auto source = shape().columns[column].source;
  switch (rows.state(e, source)) {
  case cell_state::value:
    return rows.text(e, source);
  case cell_state::null:
    return std::nullopt;
  case cell_state::unchanged:
  case cell_state::absent:
    break;
  }
  const auto& text = bases_.at(e.base).texts[column];
  return text ? std::optional<std::string_view>(*text) : std::nullopt;
}

bool target_keyed_writer::worth_copying(std::size_t rows) {
  if (rows < rows_worth_copying) return false;
  if (copies_to_skip_ == 0) return true;
  --copies_to_skip_;
  return false;
}

/// Copies new rows. The server's answer comes later, and until then they stay in copied_: when a
/// key was there already, none of them is, and they are upserted.
void target_keyed_writer::copy(std::vector<const fold_entry*> entries) {
  session().finish();
  fold_.hand_over(copied_);
  auto at = entries.begin();
  const auto next = [&](copy_rows& out) {
    const auto& e = **at;
    for (std::size_t i = 0; i < shape().columns.size(); ++i) {
      const auto text = cell_of(copied_, e, i);
      text ? out.add(*text) : out.add_null();
    }
    out.end_row();
    return ++at != entries.end();
  };
  session().try_copy(
      copy_sql(shape()), shape().table, next, [this, entries](const server_error* refused) {
        const bool collided = refused != nullptr && refused->sqlstate() == unique_violation;
        if (refused != nullptr && !collided && !letters().takes(*refused)) return false;
        skip_copies(collided);
        if (refused != nullptr) upsert(copied_, entries);
        copied_.clear();
        return true;
      });
}

void target_keyed_writer::skip_copies(bool collided) {
  last_skip_ = collided ? std::min(longest_skip, std::max<std::size_t>(1, last_skip_ * 2)) : 0;
  copies_to_skip_ = last_skip_;
}

void target_keyed_writer::upsert(const fold& rows, const std::vector<const fold_entry*>& entries) {
  const auto width = shape().columns.size();
  std::vector<text_array> arrays(width + (shape().soft ? 1 : 0));
  const auto add = [&](const fold_entry* e) {
    for (std::size_t i = 0; i < width; ++i) {
      const auto text = cell_of(rows, *e, i);
      text ? arrays[i].add(*text) : arrays[i].add_null();
    }
    if (shape().soft) arrays[width].add(e->deleted ? "t" : "f");
  };
  deliver(rows, entries, [&](const auto& part) {
    in_pieces(part, arrays, add, [&] { session().send(upsert_, arrays); });
    clear(arrays);
  });
}

/// Sends entries, and where rows that are refused are kept, around them.
void target_keyed_writer::deliver(
    const fold& rows, const std::vector<const fold_entry*>& entries,
    const std::function<void(std::span<const fold_entry* const>)>& send) {
  if (!letters().kept()) return send(entries);
  letters().write(
      session(), 0, entries.size(),
      [&](std::size_t first, std::size_t count) { send(std::span(entries).subspan(first, count)); },
      [&](std::size_t i) { return letter_of(target_route(), rows, *entries[i]); });
}

/// An UPDATE of the columns that came. Rows that it does not find are missing (R6).
void target_keyed_writer::update(const std::vector<std::size_t>& columns,
                                 const std::vector<const fold_entry*>& entries) {
  auto& statement = updates_[columns];
  if (statement.sql.empty()) statement = {update_sql(shape(), columns), shape().table, {}};
  const auto keys = shape().key.size();
  std::vector<text_array> arrays(1 + keys + columns.size() + (shape().soft ? 1 : 0));
  auto sent = std::make_shared<std::vector<std::optional<std::vector<std::string>>>>();
  const auto add = [&](const fold_entry* e) {
    arrays[0].add(std::to_string(sent->size()));
    add_key(std::span(arrays).subspan(1, keys), e->key);
    for (std::size_t i = 0; i < columns.size(); ++i) {
      const auto text = cell_of(fold_, *e, columns[i]);
      text ? arrays[1 + keys + i].add(*text) : arrays[1 + keys + i].add_null();
    }
    if (shape().soft) arrays.back().add(e->deleted ? "t" : "f");
    sent->push_back(e->deleted ? std::nullopt : std::optional(fold_.key_texts(e->key)));
  };
  const auto send = [&] {
    session().send(statement, arrays, [this, sent](const result& found) {
      for (int row = 0; row < found.rows(); ++row) (*sent)[found.number(row, 0)].reset();
      for (auto& key : *sent)
        if (key) missing().add(target_route().id, std::move(*key));
    });
    sent = std::make_shared<std::vector<std::optional<std::vector<std::string>>>>();
  };
  deliver(fold_, entries, [&](const auto& part) {
    in_pieces(part, arrays, add, send);
    clear(arrays);
  });
}

void target_keyed_writer::begin_snapshot(std::uint32_t generation) {
  fold_.set_settled(false);
  note_begun(generation);
}

/// A table's first snapshot finds it empty.
void target_keyed_writer::write_begun(std::uint32_t generation, bool /*interrupted*/) {
  if (generation <= 1) return;
  session().query(make_seen_sql(shape(), seen_), shape().table);
  seeing_ = true;
}

void target_keyed_writer::note_seen(const work& todo) {
  std::vector<text_array> arrays(shape().key.size());
  const auto note = [&](const std::vector<const fold_entry*>& entries) {
    in_pieces(
        entries, arrays, [&](const fold_entry* e) { add_key(arrays, e->key); },
        [&] { session().send(add_seen_, arrays); });
    clear(arrays);
  };
  note(todo.fresh);
  note(todo.whole);
  for (const auto& [columns, entries] : todo.partial) note(entries);
  note(todo.stale);
}

void target_keyed_writer::end_snapshot(std::uint32_t generation, bool whole) {
  fold_.set_settled(true);
  if (!note_finished(generation) || !seeing_) return;
  if (whole && target_route().removal != delete_mode::ignore) {
    // The one statement that goes through the whole table.
    session().query("SET LOCAL enable_hashjoin = on; SET LOCAL enable_seqscan = on; ANALYZE "
                        + seen_,
                    shape().table);
    session().query(remove_unseen_sql(shape(), seen_), shape().table);
    session().query("SET LOCAL enable_hashjoin = off; SET LOCAL enable_seqscan = off");
  }
  session().query("DROP TABLE " + seen_, shape().table);
  seeing_ = false;
}

} // namespace leat::postgres
