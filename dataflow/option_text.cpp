#include "dataflow/option_text.hpp"

#include <array>
#include <charconv>
#include <limits>
#include <span>

#include "dataflow/error.hpp"

namespace leat {

namespace {

struct unit {
  std::string_view name;
  std::uint64_t factor;
};

constexpr std::array<unit, 4> durations{{{"h", 3'600'000}, {"m", 60'000}, {"s", 1'000}, {"ms", 1}}};
constexpr std::array<unit, 5> sizes{
    {{"TiB", 1ULL << 40}, {"GiB", 1ULL << 30}, {"MiB", 1ULL << 20}, {"KiB", 1ULL << 10}, {"B", 1}}};

std::optional<std::uint64_t> parse_with_unit(std::string_view text, std::span<const unit> units) {
  std::uint64_t number = 0;
  const char* const end = text.data() + text.size();
  const auto [rest, failure] = std::from_chars(text.data(), end, number);
  if (failure != std::errc{}) return std::nullopt;
  const std::string_view name(rest, static_cast<std::size_t>(end - rest));
  for (const unit& u : units) {
    if (u.name != name) continue;
    // Signed 64 bits hold every value, so that chrono does not overflow.
    if (number > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()) / u.factor)
      return std::nullopt;
    return number * u.factor;
  }
  return std::nullopt;
}

std::string format_with_unit(std::uint64_t number, std::span<const unit> units) {
  for (const unit& u : units)
    if (number >= u.factor && number % u.factor == 0)
      return std::to_string(number / u.factor) + std::string(u.name);
  return std::to_string(number) + std::string(units.back().name);
}

bool is_variable_name(std::string_view name) {
  constexpr std::string_view letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_";
  if (name.empty() || letters.find(name.front()) == std::string_view::npos) return false;
  return name.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_0123456789")
         == std::string_view::npos;
}

} // namespace

std::optional<std::chrono::milliseconds> parse_duration(std::string_view text) {
  const auto number = parse_with_unit(text, durations);
  if (!number) return std::nullopt;
  return std::chrono::milliseconds(*number);
}

std::optional<std::uint64_t> parse_size(std::string_view text) {
  return parse_with_unit(text, sizes);
}

std::string format_duration(std::chrono::milliseconds value) {
  return format_with_unit(static_cast<std::uint64_t>(value.count()), durations);
}

std::string format_size(std::uint64_t bytes) { return format_with_unit(bytes, sizes); }

std::string
expand_variables(std::string_view text,
                 const std::function<std::optional<std::string>(const std::string&)>& value_of) {
  std::string expanded;
  while (!text.empty()) {
    if (text.starts_with("$${")) {
      expanded += "${";
      text.remove_prefix(3);
      continue;
    }
    if (!text.starts_with("${")) {
      expanded += text.front();
      text.remove_prefix(1);
      continue;
    }
    const std::size_t close = text.find('}');
    const std::string name(text.substr(2, close == std::string_view::npos ? 0 : close - 2));
    if (!is_variable_name(name))
      throw error(error_kind::usage, "`${` is not followed by the name of a variable and `}`", "",
                  "write ${NAME}, or $${ for the two characters themselves");
    const std::optional<std::string> value = value_of(name);
    if (!value)
      throw error(error_kind::usage, "the environment variable " + name + " is not set", "",
                  "set it, or write $${ for a literal ${");
    expanded += *value;
    text.remove_prefix(close + 1);
  }
  return expanded;
}

} // namespace leat
