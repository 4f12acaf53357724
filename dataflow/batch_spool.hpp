#pragma once

#include <cstdint>
#include <memory>
#include <span>

#include "dataflow/batch.hpp"
#include "dataflow/spill.hpp"

namespace leat {

/// Changes of one table, first in, first out, in files of the spill area (R5.7, R9): what is in
/// memory are the queue's buffers, whatever it holds. One thread at a time.
///
/// A record of the file is a piece of a batch: the numbers of its transactions, changes, cells and
/// bytes of the arena (32 bits each), then these as they are in memory. No file outlives the
/// process.
class batch_spool {
 public:
  explicit batch_spool(std::shared_ptr<spill_area>);

  /// Appends these changes, all of one table, with their rows. Throws as spill_file::append does.
  void push(const batch& rows, std::span<const std::uint32_t> changes);
  void push(const batch& rows_of_one_table);

  /// The oldest changes as a batch of `table`, which has the columns of those pushed: of as many
  /// pushes as it takes to reach `bytes`. Null when there are none.
  batch_ptr pop(const schema_ptr& table, std::size_t bytes);

  bool empty() const noexcept { return queue_.empty(); }
  std::uint64_t bytes() const noexcept { return queue_.bytes(); } ///< on disk

 private:
  std::shared_ptr<spill_area> area_;
  spill_queue queue_;
};

} // namespace leat
