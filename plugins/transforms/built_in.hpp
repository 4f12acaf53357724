#pragma once

#include "dataflow/transform.hpp"

namespace leat::transforms {

/// The built-in transform of that `type`. Throws leat::error of kind usage.
transform_type_ptr make_built_in(const transform_options&);

} // namespace leat::transforms
