#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "dataflow/position.hpp"
#include "dataflow/schema.hpp"

namespace leat {

/// `unchanged`: a TOASTed value that the stream did not carry because the update left it alone
/// (R6). `absent`: not part of this tuple at all (the non-key columns of an old key).
enum class cell_state : std::uint8_t { null, value, unchanged, absent };

/// One value: the bytes PostgreSQL sent, `size` of them at `offset` of the batch's arena. A message
/// of the server is at most 1 GiB, so 30 bits hold every size.
struct cell {
  std::uint32_t offset = 0;
  std::uint32_t size : 30 = 0;
  std::uint32_t state_bits : 2 = 0;

  cell_state state() const noexcept { return static_cast<cell_state>(state_bits); }
  bool is_null() const noexcept { return state() == cell_state::null; }
  bool has_value() const noexcept { return state() == cell_state::value; }
};

/// The stream brought it: a value or NULL.
inline bool came(cell_state s) noexcept { return s == cell_state::value || s == cell_state::null; }
inline bool came(cell c) noexcept { return came(c.state()); }

/// `read` is a row of a snapshot chunk.
enum class change_kind : std::uint8_t { insert, update, remove, truncate, read };

/// Which columns `change::old_row` carries.
enum class old_row_kind : std::uint8_t { none, key, full };

/// One row change. Rows are `columns.size()` consecutive cells of the batch, one per schema column.
struct change {
  static constexpr std::uint32_t no_row = 0xffffffff;

  change_kind kind = change_kind::insert;
  old_row_kind old_kind = old_row_kind::none;
  std::uint16_t table = 0;        ///< index into batch::tables
  std::uint32_t transaction = 0;  ///< index into batch::transactions
  std::uint32_t new_row = no_row; ///< first cell; insert, update, read
  std::uint32_t old_row = no_row; ///< first cell; update (when the key changed, or FULL), remove
  std::uint64_t index = 0;        ///< position.index (R1); of a read: the row's number in its chunk
};

/// The transaction that changes of a batch belong to. For rows of a chunk: xid 0, and `commit`
/// holds the chunk's H (R5), which R11 prints.
struct transaction {
  std::uint32_t xid = 0; ///< top-level, 32 bits as on the wire
  commit_lsn commit{};
  std::int64_t commit_time = 0; ///< microseconds since 2000-01-01 UTC
};

/// An ordered run of changes of one or several tables; the unit of transport. Cells stay the bytes
/// that came. Built by one thread, then shared as `batch_ptr` and never changed. `tables` names
/// each table once: a batch ends where a table's columns change, and the next one carries the new
/// version (R7).
class batch {
 public:
  std::string arena;
  std::vector<cell> cells;
  std::vector<change> changes;
  std::vector<transaction> transactions;
  std::vector<schema_ptr> tables;

  /// What the batch costs in memory, and in credit.
  std::size_t bytes() const noexcept;

  const table_schema& schema_of(const change& c) const { return *tables[c.table]; }
  const transaction& transaction_of(const change& c) const { return transactions[c.transaction]; }
  position position_of(const change& c) const { return {transaction_of(c).commit, c.index}; }

  /// The cells of a row; empty for change::no_row.
  std::span<const cell> row(const change& c, std::uint32_t first) const;
  std::span<const cell> new_row(const change& c) const { return row(c, c.new_row); }
  std::span<const cell> old_row(const change& c) const { return row(c, c.old_row); }

  std::string_view text(cell c) const { return {arena.data() + c.offset, c.size}; }

  /// Appends bytes to the arena and gives the cell that names them. Throws leat::error when the
  /// arena would pass 4 GiB.
  cell add_value(std::string_view bytes);
  static cell make_state(cell_state s);
};

using batch_ptr = std::shared_ptr<const batch>;

/// Indexes of its changes, in their order.
std::vector<std::uint32_t> all_changes(const batch&);

/// Identity of a row for folding and merging: the key cells' texts, each with its length before it,
/// so that equal encodings are equal keys. Appends to `out`.
void append_key(std::string& out, const batch& rows, std::span<const cell> row,
                std::span<const std::uint16_t> key);

} // namespace leat
