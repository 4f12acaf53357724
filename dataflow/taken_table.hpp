#pragma once

#include <string>

#include "dataflow/error.hpp"

namespace leat {

/// A target table whose rows are another pipeline's, by the target's record.
inline error taken_table(const std::string& place, const std::string& pipeline) {
  return {error_kind::sink, "the target table is pipeline `" + pipeline + "`'s", place,
          "name another one with `to`; when that pipeline is no more, `leat drop` it, and drop or "
          "empty the table"};
}

} // namespace leat
