#pragma once

#include <string>
#include <string_view>

namespace leat::sql {

/// Each character of UTF-8 by the system's C.UTF-8 locale, as PostgreSQL does in UTF-8 databases of
/// the libc provider.
std::string lower_text(std::string_view);
std::string upper_text(std::string_view);

} // namespace leat::sql
