#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace leat {

/// `500ms`, `10s`, `5m`, `2h`: a whole number and a unit. Nothing when the text is not a duration
/// or does not fit.
std::optional<std::chrono::milliseconds> parse_duration(std::string_view);
/// `512B`, `64KiB`, `8MiB`, `1GiB`, `2TiB`, in bytes. Nothing when the text is not a size or does
/// not fit.
std::optional<std::uint64_t> parse_size(std::string_view);

/// In the largest unit that keeps the number whole.
std::string format_duration(std::chrono::milliseconds);
std::string format_size(std::uint64_t bytes);

/// Replaces ${VAR} by what `value_of` gives and $${ by ${. Throws leat::error of kind usage, its
/// place empty, when a variable is not set or a brace is not closed; the message has no values in
/// it.
std::string
expand_variables(std::string_view,
                 const std::function<std::optional<std::string>(const std::string&)>& value_of);

} // namespace leat
