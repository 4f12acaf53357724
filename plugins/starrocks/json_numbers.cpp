#include "plugins/starrocks/json_numbers.hpp"

#include <array>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <string>

namespace leat::starrocks {

namespace {

constexpr std::size_t digits_of_every_double = 15;

bool is_part(char c) {
  return (c >= '0' && c <= '9') || c == '.' || c == '-' || c == '+' || c == 'e' || c == 'E';
}

/// Digits from the first to the last that is not 0.
std::string significant(std::string_view number) {
  std::string digits;
  for (const char c : number.substr(0, number.find_first_of("eE")))
    if (c >= '0' && c <= '9' && (!digits.empty() || c != '0')) digits += c;
  while (digits.ends_with('0')) digits.pop_back();
  return digits;
}

/// The shortest text of the double has the same digits.
bool prints_alike(std::string_view number, double value) {
  const auto digits = significant(number);
  if (digits.size() <= digits_of_every_double) return true;
  std::array<char, 64> text{};
  const auto [end, wrong] = std::to_chars(text.data(), text.data() + text.size(), value);
  return wrong == std::errc{}
         && significant({text.data(), static_cast<std::size_t>(end - text.data())}) == digits;
}

template <class Number>
bool parses(std::string_view text) {
  Number value{};
  const auto* end = text.data() + text.size();
  const auto [stop, wrong] = std::from_chars(text.data(), end, value);
  return wrong == std::errc{} && stop == end;
}

bool fits(std::string_view number) {
  if (number.find_first_of(".eE") == number.npos)
    return number.size() < 19 || parses<std::int64_t>(number) || parses<std::uint64_t>(number);
  double value = 0;
  const auto* end = number.data() + number.size();
  const auto [stop, wrong] = std::from_chars(number.data(), end, value);
  if (wrong != std::errc{} || stop != end || !std::isfinite(value)) return false;
  return prints_alike(number, value);
}

} // namespace

bool json_numbers_fit(std::string_view text) {
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '"') {
      for (++i; i < text.size() && text[i] != '"'; ++i)
        if (text[i] == '\\') ++i;
      continue;
    }
    if (text[i] != '-' && (text[i] < '0' || text[i] > '9')) continue;
    const auto begin = i;
    while (i + 1 < text.size() && is_part(text[i + 1])) ++i;
    if (!fits(text.substr(begin, i + 1 - begin))) return false;
  }
  return true;
}

} // namespace leat::starrocks
