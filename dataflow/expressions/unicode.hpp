#pragma once

#include <string>
#include <string_view>

namespace leat::sql {

/// Each character of UTF-8 by the system's C.UTF-8 locale, as PostgreSQL does in UTF-8 databases of
/// the libc provider. `ascii`: the letters of ASCII alone, as it does under COLLATE "C".
std::string lower_text(std::string_view, bool ascii = false);
std::string upper_text(std::string_view, bool ascii = false);

/// The characters of a class of regular expressions ("alpha", "word", ...) as ranges in brackets,
/// by the same rules. Empty: there is no such class.
std::string characters_of(std::string_view type, bool ascii);

} // namespace leat::sql
