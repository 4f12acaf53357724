#include "dataflow/position.hpp"

#include <charconv>
#include <cstdio>

namespace leat {

namespace {

std::string format_lsn(std::uint64_t value) {
  char text[24];
  std::snprintf(text, sizeof text, "%X/%X", static_cast<unsigned>(value >> 32),
                static_cast<unsigned>(value & 0xffffffffU));
  return text;
}

std::optional<std::uint32_t> parse_half(std::string_view text) {
  if (text.empty() || text.size() > 8) return std::nullopt;
  std::uint32_t value = 0;
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), value, 16);
  if (code != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

} // namespace

std::string to_string(commit_lsn lsn) { return format_lsn(static_cast<std::uint64_t>(lsn)); }

std::string to_string(wal_lsn lsn) { return format_lsn(static_cast<std::uint64_t>(lsn)); }

std::optional<std::uint64_t> parse_lsn(std::string_view text) {
  const auto slash = text.find('/');
  if (slash == std::string_view::npos) return std::nullopt;
  const auto high = parse_half(text.substr(0, slash));
  const auto low = parse_half(text.substr(slash + 1));
  if (!high || !low) return std::nullopt;
  return (std::uint64_t{*high} << 32) | *low;
}

} // namespace leat
