#pragma once

#include "dataflow/transform.hpp"
#include "plugins/shared_objects/call_watch.hpp"

namespace leat::shared_objects {

/// Loads the plugin of a [transform.NAME] and checks its options. Throws leat::error of kind usage
/// that names the plugin; its place is the key of the section.
///
/// `overdue` is told of a call that takes longer than options.timeout, in another thread. It has to
/// end the process, or to see that nobody waits for the thread that is in the call.
transform_type_ptr make_transform_type(const transform_options&, overdue_handler);

} // namespace leat::shared_objects
