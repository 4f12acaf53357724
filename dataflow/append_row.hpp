#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "dataflow/batch.hpp"
#include "dataflow/route.hpp"

namespace leat {

/// `_leat_seq` of a change (R11). Chunks of tables that are merged may show one H: their rows are
/// numbered apart.
std::uint64_t append_seq(const route&, const change&);
/// Of the first row of a chunk, which has at most 2^32.
std::uint64_t append_seq_of_chunk(const route&, std::uint64_t number);

/// The row that a change is in mode append (R11). Points into the batch.
class append_row {
 public:
  append_row(const batch&, const change&);

  /// `_leat_op`: i, u, d, t, or r for a row of a snapshot.
  std::string_view op() const;

  /// `_leat_time`: when the transaction was committed, as in transaction; a row of a snapshot does
  /// not tell.
  std::optional<std::int64_t> time() const { return time_; }

  /// The cell of a source column (index into schema->columns), NULL or a value; null when it did
  /// not come. What an update left alone comes from its old row when that is whole; a delete shows
  /// its old row.
  const cell* at(std::size_t source_column) const;

  /// `_leat_missing`: the route's columns whose cells did not come, by their names at the target. A
  /// truncate has no row, at most values that need none, and so nothing misses.
  std::vector<std::string_view> missing(const route&) const;

 private:
  change_kind kind_;
  std::optional<std::int64_t> time_;
  std::span<const cell> first_;
  std::span<const cell> second_; ///< where `first_` has no cell
};

} // namespace leat
