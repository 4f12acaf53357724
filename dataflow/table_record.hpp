#pragma once

#include <cstdint>
#include <string>
#include <utility>

#include "dataflow/table_columns.hpp"

namespace leat {

/// What a target's progress record tells of one of its tables (docs/progress-row.md). The changes
/// give false when there is nothing to write.
struct table_record {
  std::uint64_t last_chunk = 0; ///< target_progress::last_chunk
  std::uint32_t snapshot = 0;   ///< generation of the running snapshot; 0: none runs
  std::uint32_t finished = 0;   ///< generation of the last one that ended; 0: none has
  std::string columns;          ///< target_progress::columns; empty: unknown

  /// A restart tells of a snapshot once more.
  bool has_begun(std::uint32_t generation) const {
    return generation == snapshot || generation == finished;
  }

  bool begin(std::uint32_t generation) {
    if (has_begun(generation)) return false;
    snapshot = generation;
    return true;
  }

  bool finish(std::uint32_t generation) {
    if (snapshot != generation) return false;
    snapshot = 0;
    finished = generation;
    return true;
  }

  bool take_columns(const route& r) { return std::exchange(columns, columns_record(r)) != columns; }
};

} // namespace leat
