#include "dataflow/batch_spool.hpp"

#include <cstring>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace leat {

namespace {

struct counts {
  std::uint32_t transactions = 0;
  std::uint32_t changes = 0;
  std::uint32_t cells = 0;
  std::uint32_t arena = 0;
};

static_assert(
    std::is_trivially_copyable_v<
        transaction> && std::is_trivially_copyable_v<change> && std::is_trivially_copyable_v<cell>);

template <class Value>
std::string_view bytes_of(const std::vector<Value>& values) {
  return {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(Value)};
}

template <class Value>
void take(std::vector<Value>& values, std::uint32_t count, std::string_view& record) {
  if (count == 0) return;
  const auto before = values.size();
  values.resize(before + count);
  std::memcpy(values.data() + before, record.data(), count * sizeof(Value));
  record.remove_prefix(count * sizeof(Value));
}

std::uint32_t add_row(batch& out, const batch& rows, std::span<const cell> row) {
  if (row.empty()) return change::no_row;
  const auto first = static_cast<std::uint32_t>(out.cells.size());
  for (const auto c : row)
    out.cells.push_back(c.has_value() ? out.add_value(rows.text(c)) : batch::make_state(c.state()));
  return first;
}

batch picked(const batch& rows, std::span<const std::uint32_t> changes) {
  batch out;
  auto last = change::no_row;
  for (const auto i : changes) {
    auto c = rows.changes[i];
    if (c.transaction != last) out.transactions.push_back(rows.transaction_of(c));
    last = c.transaction;
    c.old_row = add_row(out, rows, rows.old_row(c));
    c.new_row = add_row(out, rows, rows.new_row(c));
    c.transaction = static_cast<std::uint32_t>(out.transactions.size() - 1);
    c.table = 0;
    out.changes.push_back(c);
  }
  return out;
}

/// Appends a record to a batch of the same table.
void add_record(batch& out, std::string_view record) {
  counts n;
  std::memcpy(&n, record.data(), sizeof n);
  record.remove_prefix(sizeof n);
  const auto transactions = static_cast<std::uint32_t>(out.transactions.size());
  const auto changes = out.changes.size();
  const auto cells = out.cells.size();
  const auto arena = static_cast<std::uint32_t>(out.arena.size());
  take(out.transactions, n.transactions, record);
  take(out.changes, n.changes, record);
  take(out.cells, n.cells, record);
  out.arena.append(record);
  for (auto c = out.changes.begin() + static_cast<std::ptrdiff_t>(changes); c != out.changes.end();
       ++c) {
    c->transaction += transactions;
    if (c->old_row != change::no_row) c->old_row += static_cast<std::uint32_t>(cells);
    if (c->new_row != change::no_row) c->new_row += static_cast<std::uint32_t>(cells);
  }
  for (auto i = cells; i < out.cells.size(); ++i) out.cells[i].offset += arena;
}

} // namespace

batch_spool::batch_spool(std::shared_ptr<spill_area> area)
    : area_(std::move(area)), queue_(*area_) {}

void batch_spool::push(const batch& rows, std::span<const std::uint32_t> changes) {
  push(picked(rows, changes));
}

void batch_spool::push(const batch& rows) {
  const counts n{static_cast<std::uint32_t>(rows.transactions.size()),
                 static_cast<std::uint32_t>(rows.changes.size()),
                 static_cast<std::uint32_t>(rows.cells.size()),
                 static_cast<std::uint32_t>(rows.arena.size())};
  queue_.push({std::string_view(reinterpret_cast<const char*>(&n), sizeof n),
               bytes_of(rows.transactions), bytes_of(rows.changes), bytes_of(rows.cells),
               rows.arena});
}

batch_ptr batch_spool::pop(const schema_ptr& table, std::size_t bytes) {
  if (queue_.empty()) return nullptr;
  auto out = std::make_shared<batch>();
  out->tables.push_back(table);
  do add_record(*out, queue_.pop());
  while (!queue_.empty() && out->bytes() < bytes);
  return out;
}

} // namespace leat
