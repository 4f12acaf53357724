#pragma once

#include <cstdint>

namespace leat {

/// A writer that also is one of these is told when a chunk is whole: its sink may commit rows of a
/// log ahead of their epoch, and none of them may come twice (R11).
class chunk_writer {
 public:
  virtual ~chunk_writer() = default;

  /// All rows of the chunk were written.
  virtual void finish_chunk(std::uint32_t generation, std::uint64_t number) = 0;
};

} // namespace leat
