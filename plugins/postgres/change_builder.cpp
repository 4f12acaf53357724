#include "plugins/postgres/change_builder.hpp"

#include <algorithm>
#include <limits>

#include "dataflow/error.hpp"

namespace leat::postgres {

namespace {

// change::table has 16 bits; half of them leave room for what one more message adds
constexpr std::size_t table_limit = 1U << 15;

cell to_cell(tuple_cell from, std::uint32_t base) {
  switch (from.kind) {
  case 't': {
    cell c;
    c.offset = base + from.offset;
    c.size = from.size & 0x3fffffffU;
    c.state_bits = static_cast<std::uint32_t>(cell_state::value) & 3U;
    return c;
  }
  case 'u':
    return batch::make_state(cell_state::unchanged);
  default:
    return batch::make_state(cell_state::null);
  }
}

/// Of a partitioned table old rows may be less than the server says.
old_row_kind kind_of(const stream_relation& table, old_row_kind sent) {
  const bool whole = table.schema->identity == replica_identity::full;
  return sent == old_row_kind::full && !whole ? old_row_kind::key : sent;
}

} // namespace

void change_builder::begin(const transaction& t) {
  transaction_ = t;
  transaction_added_ = false;
}

void change_builder::insert(stream_relation& table, const insert_message& message,
                            std::uint64_t index) {
  auto c = make(table, change_kind::insert, index);
  c.new_row = append(message.new_row);
  add(c);
}

void change_builder::update(stream_relation& table, const update_message& message,
                            std::uint64_t index) {
  auto c = make(table, change_kind::update, index);
  c.old_kind = kind_of(table, message.old_kind);
  if (c.old_kind == old_row_kind::key) c.old_row = append_key(table, message.old_row);
  if (c.old_kind == old_row_kind::full) c.old_row = append(message.old_row);
  c.new_row = append(message.new_row);
  if (c.old_kind != old_row_kind::none)
    take_unchanged(c.new_row, c.old_row, message.new_row.columns);
  add(c);
}

void change_builder::remove(stream_relation& table, const delete_message& message,
                            std::uint64_t index) {
  auto c = make(table, change_kind::remove, index);
  c.old_kind = kind_of(table, message.old_kind);
  c.old_row = c.old_kind == old_row_kind::key ? append_key(table, message.old_row)
                                              : append(message.old_row);
  add(c);
}

void change_builder::truncate(stream_relation& table, std::uint64_t index) {
  add(make(table, change_kind::truncate, index));
}

void change_builder::must_take() noexcept {
  full_ = pending_rows() > 0;
  // without changes it may still list tables, of a message that turned out to be broken
  if (!full_) open_.reset();
}

bool change_builder::uses(oid table) const {
  if (pending_rows() == 0) return false;
  return std::ranges::any_of(open_->tables, [=](const auto& t) { return t->id == table; });
}

batch_ptr change_builder::take() {
  if (pending_rows() == 0) return nullptr;
  last_arena_ = open_->arena.size();
  last_cells_ = open_->cells.size();
  last_changes_ = open_->changes.size();
  full_ = false;
  transaction_added_ = false;
  return std::move(open_);
}

void change_builder::open() {
  open_ = std::make_shared<batch>();
  ++number_;
  // the next batch is likely to be like the last one; one huge row is not
  open_->arena.reserve(std::min(last_arena_ + last_arena_ / 8, batch_bytes_));
  open_->cells.reserve(std::min(last_cells_ + last_cells_ / 8, batch_bytes_ / sizeof(cell)));
  open_->changes.reserve(std::min(last_changes_, batch_rows_));
}

change change_builder::make(stream_relation& table, change_kind kind, std::uint64_t index) {
  if (!open_) open();
  if (table.batch != number_) {
    if (open_->tables.size() > std::numeric_limits<std::uint16_t>::max())
      throw error(error_kind::source, "one TRUNCATE names more than 32,768 tables",
                  "replication stream", "truncate fewer tables at once");
    table.batch = number_;
    table.table = static_cast<std::uint16_t>(open_->tables.size());
    open_->tables.push_back(table.schema);
  }
  if (!transaction_added_) {
    open_->transactions.push_back(transaction_);
    transaction_added_ = true;
  }
  change c;
  c.kind = kind;
  c.table = table.table;
  c.transaction = static_cast<std::uint32_t>(open_->transactions.size() - 1);
  c.index = index;
  return c;
}

void change_builder::add(const change& c) {
  open_->changes.push_back(c);
  full_ = open_->changes.size() >= batch_rows_ || open_->bytes() >= batch_bytes_
          || open_->tables.size() >= table_limit;
}

std::uint32_t change_builder::append(tuple_view tuple) {
  auto& arena = open_->arena;
  auto& cells = open_->cells;
  const auto base = arena.size();
  if (base + tuple.body.size() > std::numeric_limits<std::uint32_t>::max())
    throw error(error_kind::bug, "a batch grew beyond 4 GiB", "replication stream", "report this");
  arena.append(tuple.body);
  const auto first = cells.size();
  cells.resize(first + tuple.columns);
  tuple_cursor from(tuple);
  for (std::size_t i = 0; i < tuple.columns; ++i)
    cells[first + i] = to_cell(from.next(), static_cast<std::uint32_t>(base));
  return static_cast<std::uint32_t>(first);
}

std::uint32_t change_builder::append_key(const stream_relation& table, tuple_view tuple) {
  const auto first = append(tuple);
  for (std::size_t i = 0; i < tuple.columns; ++i)
    if (!table.identity[i]) open_->cells[first + i] = batch::make_state(cell_state::absent);
  return first;
}

void change_builder::take_unchanged(std::uint32_t new_row, std::uint32_t old_row,
                                    std::size_t columns) {
  auto* fresh = open_->cells.data() + new_row;
  const auto* old = open_->cells.data() + old_row;
  for (std::size_t i = 0; i < columns; ++i)
    if (fresh[i].state() == cell_state::unchanged && old[i].state() != cell_state::absent)
      fresh[i] = old[i];
}

} // namespace leat::postgres
