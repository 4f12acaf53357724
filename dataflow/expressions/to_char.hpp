#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace leat::sql {

/// A finite timestamp by a pattern of PostgreSQL's to_char(), appended. `zoned`: a timestamptz, in
/// UTC. Throws evaluation_error for TM, which asks for a locale.
void print_by_pattern(std::string& out, std::string_view pattern, std::int64_t timestamp,
                      bool zoned);

} // namespace leat::sql
