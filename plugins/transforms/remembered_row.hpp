#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "dataflow/batch.hpp"

namespace leat::transforms {

/// A row as a transform keeps it: cells by the numbers of their columns, so that it can be read
/// after the table's columns changed. A cell that is not known has state `unchanged`.
struct remembered_row {
  /// The row is not of a later moment than this: a row of a chunk may be (R5).
  commit_lsn high{};
  std::vector<cell_state> states; ///< by column of the schema that it is read for
  std::vector<std::string> texts; ///< of those with a value
};

std::string encode(const remembered_row&, const table_schema&);
remembered_row decode_row(std::string_view bytes, const table_schema&);

/// What a column is known by when rows are kept: its number, or its place where that is unknown.
std::vector<std::uint16_t> kept_names(const table_schema&);

} // namespace leat::transforms
