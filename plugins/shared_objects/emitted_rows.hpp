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
  void keep(std::uint32_t change);
  void emit(const leat_emission&);
  /// The row goes that change `from` leaves behind, under a key of these columns of its old row;
  /// but where something went out of that change already.
  void remove_left(std::uint32_t from, const std::vector<std::uint16_t>& key);
  /// Puts what was collected into the batch that begin() was given.
  void finish(batch& rows);

 private:
  void in_order(std::uint32_t from);
  std::uint32_t add_row(const leat_value* values);
  cell add(const leat_value&, std::size_t column);
  /// Of the row just added.
  void check_key(const char* which) const {
    const auto* row = cells_.data() + used_ - width_;
    for (const auto k : output_.key)
      if (!row[k].has_value() && !(append_ && row[k].is_null())) refuse_key(k, which);
  }
  void add_change(const change& c) {
    if (made_ == changes_.size()) changes_.resize(made_ + std::max<std::size_t>(made_, 256));
    changes_[made_++] = c;
  }
  [[noreturn]] void refuse_key(std::size_t column, const char* which) const;

  const table_schema& output_;
  std::size_t width_; ///< of the output
  bool append_;
  bool as_input_;
  const batch* rows_ = nullptr;
  std::uintptr_t arena_ = 0; ///< the batch's bytes
  std::size_t arena_size_ = 0;
  std::size_t largest_in_arena_ = 0;
  bool flushing_ = false;
  std::string bytes_;
  std::vector<cell> cells_; ///< the first `used_`
  std::size_t used_ = 0;
  std::vector<change> changes_; ///< the first `made_`
  std::size_t made_ = 0;
  std::uint32_t last_ = 0; ///< change that the last one of them came of
};

} // namespace leat::shared_objects
