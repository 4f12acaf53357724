#include "dataflow/frame.hpp"

namespace leat {

std::size_t cost_of(const payload& content) {
  if (const auto* rows = std::get_if<batch_ptr>(&content)) return (*rows)->bytes();
  if (const auto* routed = std::get_if<routed_ptr>(&content)) return (*routed)->rows->bytes();
  return 0;
}

} // namespace leat
