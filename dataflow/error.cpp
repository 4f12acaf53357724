#include "dataflow/error.hpp"

namespace leat {

error::error(error_kind kind, std::string what, std::string where, std::string remedy,
             error_retry retry)
    : std::runtime_error(what), kind_(kind), retry_(retry), where_(std::move(where)),
      remedy_(std::move(remedy)) {}

std::string error::brief() const {
  if (where_.empty()) return what();
  return std::string(what()) + " (" + where_ + ")";
}

} // namespace leat
