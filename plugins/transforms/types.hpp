#pragma once

#include "dataflow/transform.hpp"

namespace leat::transforms {

// A function for each built-in type, in the file of its name. All throw leat::error of kind usage.

transform_type_ptr make_mask(const transform_options&);
transform_type_ptr make_hash(const transform_options&);
transform_type_ptr make_rename(const transform_options&);
transform_type_ptr make_dedup(const transform_options&);
transform_type_ptr make_remember(const transform_options&);
transform_type_ptr make_flatten(const transform_options&);
transform_type_ptr make_explode(const transform_options&);

} // namespace leat::transforms
