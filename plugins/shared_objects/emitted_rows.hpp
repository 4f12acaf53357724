#pragma once

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
  /// `as_input`: rows that are kept have the output's columns. Both must outlive this.
  emitted_rows(const table_schema& input, const table_schema& output, bool append, bool as_input);

  void begin(const batch& rows, bool flushing);
  void keep(std::uint32_t change);
  void emit(const leat_emission&);
  /// Puts what was collected into the batch that begin() was given.
  void finish(batch& rows);

 private:
  std::uint32_t add_row(const leat_value* values);
  cell add(const leat_value&, std::size_t column);
  void check_key(std::uint32_t row, const char* which) const;

  const table_schema& input_;
  const table_schema& output_;
  bool append_;
  bool as_input_;
  const batch* rows_ = nullptr;
  bool flushing_ = false;
  std::string bytes_;
  std::vector<cell> cells_;
  std::vector<change> changes_;
};

} // namespace leat::shared_objects
