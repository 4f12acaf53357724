#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "dataflow/schema.hpp"

namespace leat {

/// A table that the source can publish, as its catalog has it. schema->key is the primary key or
/// the replica identity index, in key order; empty when there is none.
struct source_table {
  schema_ptr schema;
  std::uint64_t rows_estimated = 0;
  std::vector<std::string> coming = {}; ///< columns that the stream will bring: `schema` is older
  bool known = false;                   ///< `schema` is as a checkpoint has it
};

} // namespace leat
