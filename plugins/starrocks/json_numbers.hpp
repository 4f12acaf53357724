#pragma once

#include <string_view>

namespace leat::starrocks {

/// Whether every number of a JSON text (which must be valid) is one that StarRocks' JSON keeps
/// exactly: a whole number of 64 bits, or one that a double prints with the same digits.
bool json_numbers_fit(std::string_view text);

} // namespace leat::starrocks
