#pragma once

#include <string>
#include <string_view>

namespace leat {

/// XXH3-128 of the bytes, as 32 hexadecimal digits: names records by their content.
std::string digest(std::string_view bytes);

} // namespace leat
