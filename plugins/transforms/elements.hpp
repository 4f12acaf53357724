#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace leat::transforms {

/// The elements of an array as text; nothing for NULL.
using element_list = std::vector<std::optional<std::string>>;

/// Of a JSON array: strings without quotes, other values as they stand. Nothing for another value.
std::optional<element_list> json_elements(std::string_view);
/// Of an array as PostgreSQL prints it; inner arrays as they stand. Nothing for another text.
std::optional<element_list> array_elements(std::string_view);

} // namespace leat::transforms
