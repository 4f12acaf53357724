#include "dataflow/append_row.hpp"

#include <algorithm>

namespace leat {

namespace {

constexpr int row_bits = 32;
constexpr std::uint64_t row_mask = (std::uint64_t{1} << row_bits) - 1;

} // namespace

std::uint64_t append_seq_of_chunk(const route& r, std::uint64_t number) {
  const auto sources = r.beside.size() + 1;
  const auto place = std::ranges::count_if(r.beside, [&](route_id other) { return other < r.id; });
  return (number * sources + static_cast<std::uint64_t>(place)) << row_bits;
}

std::uint64_t append_seq(const route& r, const change& c) {
  if (c.kind != change_kind::read) return c.index;
  return append_seq_of_chunk(r, c.index >> row_bits) | (c.index & row_mask);
}

append_row::append_row(const batch& rows, const change& c) : kind_(c.kind) {
  if (c.kind != change_kind::read) time_ = rows.transaction_of(c).commit_time;
  if (c.kind == change_kind::remove) {
    first_ = rows.old_row(c);
    return;
  }
  first_ = rows.new_row(c);
  // A row of the old key alone says nothing about the other columns.
  if (c.old_kind == old_row_kind::full) second_ = rows.old_row(c);
}

std::string_view append_row::op() const {
  switch (kind_) {
  case change_kind::insert:
    return "i";
  case change_kind::update:
    return "u";
  case change_kind::remove:
    return "d";
  case change_kind::truncate:
    return "t";
  case change_kind::read:
    break;
  }
  return "r";
}

const cell* append_row::at(std::size_t source_column) const {
  for (const auto row : {first_, second_})
    if (!row.empty() && came(row[source_column])) return &row[source_column];
  return nullptr;
}

std::vector<std::string_view> append_row::missing(const route& r) const {
  std::vector<std::string_view> names;
  if (kind_ == change_kind::truncate) return names;
  for (const auto& column : r.columns)
    if (at(column.source) == nullptr) names.push_back(column.name);
  return names;
}

} // namespace leat
