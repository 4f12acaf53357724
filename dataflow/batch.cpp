#include "dataflow/batch.hpp"

#include <cstring>
#include <limits>
#include <numeric>

#include "dataflow/error.hpp"

namespace leat {

std::size_t batch::bytes() const noexcept {
  return arena.size() + cells.size() * sizeof(cell) + changes.size() * sizeof(change)
         + transactions.size() * sizeof(transaction);
}

std::span<const cell> batch::row(const change& c, std::uint32_t first) const {
  if (first == change::no_row) return {};
  return {cells.data() + first, schema_of(c).columns.size()};
}

cell batch::add_value(std::string_view bytes) {
  if (arena.size() + bytes.size() > std::numeric_limits<std::uint32_t>::max())
    throw error(error_kind::bug, "a batch grew beyond 4 GiB", "batch", "report this");
  cell c;
  c.offset = static_cast<std::uint32_t>(arena.size());
  c.size = static_cast<std::uint32_t>(bytes.size()) & 0x3fffffffU;
  c.state_bits = static_cast<std::uint32_t>(cell_state::value) & 3U;
  arena.append(bytes);
  return c;
}

cell batch::make_state(cell_state s) {
  cell c;
  c.state_bits = static_cast<std::uint32_t>(s) & 3U;
  return c;
}

std::vector<std::uint32_t> all_changes(const batch& rows) {
  std::vector<std::uint32_t> all(rows.changes.size());
  std::iota(all.begin(), all.end(), 0U);
  return all;
}

void append_key(std::string& out, const batch& rows, std::span<const cell> row,
                std::span<const std::uint16_t> key) {
  for (const auto column : key) {
    const auto text = rows.text(row[column]);
    const auto size = static_cast<std::uint32_t>(text.size());
    char length[sizeof size];
    std::memcpy(length, &size, sizeof size);
    out.append(length, sizeof length);
    out.append(text);
  }
}

} // namespace leat
