#include "actors/failure.hpp"

#include <caf/atom.hpp>
#include <caf/make_message.hpp>
#include <caf/message.hpp>

namespace leat {

namespace {
constexpr auto category = caf::atom("leat");
}

caf::error to_caf(const error& e) {
  return {static_cast<std::uint8_t>(e.kind()), category,
          caf::make_message(std::string(e.what()), e.where(), e.remedy(), e.transient())};
}

caf::error to_caf(const std::exception_ptr& thrown) {
  try {
    std::rethrow_exception(thrown);
  } catch (const error& e) {
    return to_caf(e);
  } catch (const std::exception& e) {
    return to_caf(error(error_kind::bug, e.what(), "an unexpected exception", "report this"));
  }
}

error from_caf(const caf::error& e) {
  const auto& context = e.context();
  if (e.category() == category
      && context.match_elements<std::string, std::string, std::string, bool>())
    return {static_cast<error_kind>(e.code()), context.get_as<std::string>(0),
            context.get_as<std::string>(1), context.get_as<std::string>(2),
            context.get_as<bool>(3) ? error_retry::transient : error_retry::permanent};
  return {error_kind::bug, caf::to_string(context), "actor system", "report this"};
}

} // namespace leat
