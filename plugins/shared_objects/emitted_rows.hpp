#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "dataflow/batch.hpp"
#include "leat/plugin.h"

namespace leat::shared_objects {

/// Collects what a plugin makes of a batch, while the plugin still reads it. Bytes that lie in the
/// batch are not copied. What it throws is a std::string: what is wrong with an emission.
class emitted_rows {
 public:
  /// `as_input`: rows that are kept have the output's columns. It must outlive this.
  emitted_rows(const table_schema& output, bool append, bool as_input);

  void begin(const batch& rows, bool flushing);
  void keep(std::uint32_t i) {
    if (i >= may_keep_) [[unlikely]]
      refuse_keeping(i);
    in_order(i);
    const auto& c = incoming_[i];
    if (!as_input_ && c.kind != change_kind::truncate) [[unlikely]]
      refuse_keeping(i);
    add_change(c);
  }
  void emit(const leat_emission&);
  /// The row goes that change `from` leaves behind, under a key of these columns of its old row;
  /// but where something went out of that change already.
  void remove_left(std::uint32_t from, const std::vector<std::uint16_t>& key);
  /// Puts what was collected into the batch that begin() was given.
  void finish(batch& rows);

 private:
  /// Positions of a target go forward; a log has one row for each change.
  void in_order(std::uint32_t from) {
    if (made_ != 0 && (from < last_ || (append_ && from == last_))) [[unlikely]]
      refuse_order(from);
    last_ = from;
  }
  /// `which`: what it is, should it lack a value of the output's key.
  std::uint32_t add_keyed_row(const leat_value*, const char* which);
  cell add(const leat_value&, std::size_t column);
  void add_change(const change& c) {
    if (made_ == room_) [[unlikely]] {
      changes_.resize(made_ + std::max<std::size_t>(made_, 256));
      room_ = changes_.size();
    }
    changes_[made_++] = c;
  }
  // Apart, so that what does not fail is short.
  [[noreturn]] void refuse_keeping(std::uint32_t i) const;
  [[noreturn]] void refuse_order(std::uint32_t from) const;
  bool may_come_of(const leat_emission&) const;
  [[noreturn]] void refuse_emission(const leat_emission&) const;
  [[noreturn]] void refuse_key(std::size_t column, const char* which) const;

  const table_schema& output_;
  std::size_t width_; ///< of the output
  bool append_;
  bool as_input_;
  const batch* rows_ = nullptr;
  const change* incoming_ = nullptr; ///< the batch's
  std::size_t count_ = 0;            ///< of them
  std::size_t may_keep_ = 0;         ///< the same; 0 in flush()
  std::size_t first_cell_ = 0;       ///< behind those of the batch
  std::uintptr_t arena_ = 0;         ///< the batch's bytes
  std::size_t arena_size_ = 0;
  std::size_t largest_in_arena_ = 0;
  bool flushing_ = false;
  std::string bytes_;
  std::vector<cell> cells_; ///< the first `used_`
  std::size_t used_ = 0;
  std::vector<change> changes_; ///< the first `made_`
  std::size_t made_ = 0;
  std::size_t room_ = 0;   ///< of changes_
  std::uint32_t last_ = 0; ///< change that the last one of them came of
};

} // namespace leat::shared_objects
