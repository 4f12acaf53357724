#pragma once

#include <string>
#include <string_view>

namespace leat::sql {

/// In lines of 76 characters, as PostgreSQL writes it.
std::string encode_base64(std::string_view bytes);
/// Throws evaluation_error.
std::string decode_base64(std::string_view);

} // namespace leat::sql
