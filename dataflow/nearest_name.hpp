#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace leat {

/// Insertions, deletions, replacements and swaps of neighbouring bytes between two names.
std::size_t edit_distance(std::string_view, std::string_view);

/// Up to `most` of `known` that a mistyped `name` may have meant, nearest first. None when all are
/// so far off that naming one would mislead.
std::vector<std::string> nearest_names(std::string_view name, const std::vector<std::string>& known,
                                       std::size_t most = 1);

/// `a, b or c`; empty for no names.
std::string join_names(const std::vector<std::string>&, std::string_view last = "or");

} // namespace leat
