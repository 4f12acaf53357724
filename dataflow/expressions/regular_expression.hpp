#pragma once

#include <string>
#include <string_view>

namespace leat::sql {

/// A regular expression of PostgreSQL as RE2 reads it: classes of characters become those of
/// C.UTF-8 (`ascii`: of COLLATE "C"). Throws evaluation_error for what RE2 has no word for, or
/// would read in another way.
std::string for_re2(std::string_view pattern, bool any_case, bool ascii);

} // namespace leat::sql
