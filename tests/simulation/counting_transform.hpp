#pragma once

#include "dataflow/transform.hpp"

namespace leat::sim {

struct world;

/// A transform that counts the changes of each key in its state, and passes them on. It insists
/// that the state agrees with what its target has committed, and that no change comes twice. Its
/// section is called count_SINK_TABLE.
transform_type_ptr make_counting(world&, const transform_options&);

} // namespace leat::sim
