#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include "dataflow/batch.hpp"
#include "plugins/postgres/stream_relations.hpp"

namespace leat::postgres {

/// Collects row messages into a batch. Tuples are copied into the arena whole, with the bytes
/// between their values; cells point into them. Messages must have been checked by parse_pgoutput
/// and have as many columns as their table.
class change_builder {
 public:
  change_builder(std::size_t batch_rows, std::size_t batch_bytes)
      : batch_rows_(batch_rows), batch_bytes_(batch_bytes) {}

  /// Changes added from now on belong to this transaction.
  void begin(const transaction& t);

  void insert(stream_relation&, const insert_message&, std::uint64_t index);
  void update(stream_relation&, const update_message&, std::uint64_t index);
  void remove(stream_relation&, const delete_message&, std::uint64_t index);
  void truncate(stream_relation&, std::uint64_t index);

  /// The batch has reached its bound, or must_take() was called on one with changes.
  bool full() const noexcept { return full_; }
  /// Nothing more is added to the batch that is open now.
  void must_take() noexcept;
  /// The open batch has changes of this table.
  bool uses(oid table) const;

  std::size_t pending_rows() const noexcept { return open_ ? open_->changes.size() : 0; }
  /// The open batch; null when it has no changes.
  batch_ptr take();

 private:
  void open();
  change make(stream_relation&, change_kind, std::uint64_t index);
  void add(const change&);
  std::uint32_t append(tuple_view);
  std::uint32_t append_key(const stream_relation&, tuple_view);
  void take_unchanged(std::uint32_t new_row, std::uint32_t old_row, std::size_t columns);

  std::size_t batch_rows_;
  std::size_t batch_bytes_;
  std::shared_ptr<batch> open_;
  std::uint64_t number_ = 0; ///< of the open batch, from 1
  bool full_ = false;
  transaction transaction_;
  bool transaction_added_ = false; ///< to the open batch
  std::size_t last_arena_ = 0;
  std::size_t last_cells_ = 0;
  std::size_t last_changes_ = 0;
};

} // namespace leat::postgres
