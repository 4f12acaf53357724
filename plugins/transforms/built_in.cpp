#include "plugins/transforms/built_in.hpp"

#include "dataflow/error.hpp"
#include "plugins/transforms/types.hpp"

namespace leat::transforms {

transform_type_ptr make_built_in(const transform_options& options) {
  if (options.type == "mask") return make_mask(options);
  if (options.type == "hash") return make_hash(options);
  if (options.type == "rename") return make_rename(options);
  if (options.type == "dedup") return make_dedup(options);
  if (options.type == "remember") return make_remember(options);
  if (options.type == "flatten") return make_flatten(options);
  if (options.type == "explode") return make_explode(options);
  throw error(error_kind::bug, "there is no transform of type `" + options.type + "`", "type",
              "report this");
}

} // namespace leat::transforms
