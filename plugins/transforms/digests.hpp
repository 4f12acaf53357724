#pragma once

#include <string>
#include <string_view>

namespace leat::transforms {

/// 32 bytes.
std::string sha256(std::string_view);
std::string hmac_sha256(std::string_view key, std::string_view text);
std::string hexadecimal(std::string_view bytes);

} // namespace leat::transforms
