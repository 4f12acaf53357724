#pragma once

#include "dataflow/transform.hpp"

namespace leat::transforms {

// A function for each built-in type, in the file of its name. All throw leat::error of kind usage.

transform_type_ptr make_mask(const transform_options&);

} // namespace leat::transforms
