#include "plugins/transforms/built_in.hpp"

#include "dataflow/error.hpp"
#include "plugins/transforms/types.hpp"

namespace leat::transforms {

transform_type_ptr make_built_in(const transform_options& options) {
  if (options.type == "mask") return make_mask(options);
  throw error(error_kind::bug, "there is no transform of type `" + options.type + "`", "type",
              "report this");
}

} // namespace leat::transforms
