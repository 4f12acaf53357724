#pragma once

#include <functional>
#include <map>
#include <optional>
#include <vector>

#include "dataflow/error.hpp"
#include "dataflow/source_table.hpp"

namespace leat {

/// What becomes of tables that would join a pipeline.
struct admission {
  std::vector<source_table> taken;
  std::map<oid, error> refused;
};

/// Why these tables cannot join together; nothing when they can.
using objection = std::function<std::optional<error>(const std::vector<source_table>&)>;

/// Takes the most of the candidates that nothing speaks against: the earlier of two that exclude
/// each other. Asks few times where few are refused.
admission admit(const std::vector<source_table>& candidates, const objection&);

} // namespace leat
