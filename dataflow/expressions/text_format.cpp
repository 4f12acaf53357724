#include "dataflow/expressions/text_format.hpp"

#include <array>
#include <cctype>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <limits>

#include "dataflow/expressions/evaluation_error.hpp"

namespace leat::sql {

namespace {

[[noreturn]] void bad_syntax(const char* type, std::string_view text) {
  throw evaluation_error("22P02", std::string("invalid input syntax for type ") + type + ": \""
                                      + std::string(text) + "\"");
}

bool is_space(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

template <class T>
T parse_real(std::string_view given, const char* type, T (*convert)(const char*, char**)) {
  const std::string text(trimmed_spaces(given));
  const auto word = lower_ascii(text);
  if (word == "nan") return std::numeric_limits<T>::quiet_NaN();
  if (word == "infinity" || word == "+infinity" || word == "inf" || word == "+inf")
    return std::numeric_limits<T>::infinity();
  if (word == "-infinity" || word == "-inf") return -std::numeric_limits<T>::infinity();
  // strtod() takes hexadecimal digits, and so does PostgreSQL.
  const bool hex = word.find("0x") != std::string::npos;
  if (text.empty()
      || word.find_first_not_of(hex ? "0123456789abcdefxp+-." : "0123456789+-.e")
             != std::string::npos)
    bad_syntax(type, given);
  char* end = nullptr;
  const T value = convert(text.c_str(), &end);
  if (*end != 0 || end == text.c_str()) bad_syntax(type, given);
  const bool nonzero = word.substr(0, word.find(hex ? 'p' : 'e')).find_first_of("123456789abcdef")
                       != std::string::npos;
  if (std::isinf(value) || (value == 0 && nonzero))
    throw evaluation_error("22003", "\"" + text + "\" is out of range for type " + type);
  return value;
}

/// strtold() rounds: whether the digits, as d.ddde+xx, are the number itself.
bool is_exactly(long double value, std::string_view text) {
  std::array<char, 900> buffer{};
  std::snprintf(buffer.data(), buffer.size(), "%.800Le", value);
  const std::string_view whole(buffer.data());
  const auto digits = text.substr(0, text.find('e'));
  const auto rest = whole.substr(0, whole.find('e')).substr(digits.size());
  return whole.starts_with(digits) && rest.find_first_not_of(".0") == std::string_view::npos
         && whole.substr(whole.find('e')) == text.substr(digits.size());
}

/// Whether a text lies half-way between a number and its neighbour. It reads back as the number,
/// but PostgreSQL does not print it, for readers that round otherwise.
template <class T>
bool is_half_way(const char* text, T value) {
  const long double read = std::strtold(text, nullptr);
  const auto is_middle = [&](T neighbour) {
    const auto middle = (static_cast<long double>(value) + static_cast<long double>(neighbour)) / 2;
    return read == middle && is_exactly(middle, text);
  };
  constexpr T all = std::numeric_limits<T>::infinity();
  return is_middle(std::nextafter(value, all)) || is_middle(std::nextafter(value, -all));
}

/// The fewest digits that read back as the same number, as d.ddde+xx.
template <class T>
std::string shortest(T value) {
  std::array<char, 64> buffer{};
  auto end = std::to_chars(buffer.data(), buffer.data() + buffer.size() - 1, value,
                           std::chars_format::scientific)
                 .ptr;
  *end = 0;
  const auto fits = [&] {
    T read{};
    std::from_chars(buffer.data(), buffer.data() + std::strlen(buffer.data()), read);
    return read == value && !is_half_way(buffer.data(), value);
  };
  for (int precision = 1; !fits() && precision < 18; ++precision)
    *std::to_chars(buffer.data(), buffer.data() + buffer.size() - 1, value,
                   std::chars_format::scientific, precision)
         .ptr = 0;
  return buffer.data();
}

/// d2s.c and f2s.c: plain digits while the exponent is from -4 to below `threshold`.
template <class T>
void print_real(std::string& out, T value, int threshold) {
  if (std::isnan(value)) return void(out += "NaN");
  if (std::isinf(value)) return void(out += value > 0 ? "Infinity" : "-Infinity");
  if (value == 0) return void(out += std::signbit(value) ? "-0" : "0");
  const std::string made = shortest(value);
  std::string_view text = made;
  const auto mark = text.find('e');
  const int exponent = std::atoi(std::string(text.substr(mark + 1)).c_str());
  if (exponent < -4 || exponent >= threshold) return void(out += text);
  if (text.front() == '-') {
    out += '-';
    text.remove_prefix(1);
  }
  std::string digits;
  for (const char c : text.substr(0, text.find('e')))
    if (c != '.') digits += c;
  if (exponent < 0) {
    out += "0." + std::string(static_cast<std::size_t>(-exponent - 1), '0') + digits;
    return;
  }
  const auto whole = static_cast<std::size_t>(exponent) + 1;
  if (digits.size() <= whole) {
    out += digits + std::string(whole - digits.size(), '0');
    return;
  }
  out += digits.substr(0, whole) + "." + digits.substr(whole);
}

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

} // namespace

std::string_view trimmed_spaces(std::string_view text) {
  while (!text.empty() && is_space(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_space(text.back())) text.remove_suffix(1);
  return text;
}

std::string lower_ascii(std::string_view text) {
  std::string out(text);
  for (char& c : out)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return out;
}

bool parse_boolean(std::string_view given) {
  const auto word = lower_ascii(trimmed_spaces(given));
  const auto begins = [&](std::string_view whole) {
    return !word.empty() && whole.starts_with(word);
  };
  if (begins("true") || begins("yes") || word == "on" || word == "1") return true;
  if (begins("false") || begins("no") || word == "off" || word == "of" || word == "0") return false;
  bad_syntax("boolean", given);
}

std::int64_t parse_integer(std::string_view given, std::int64_t least, std::int64_t most,
                           const char* type) {
  auto text = trimmed_spaces(given);
  const bool plus = text.starts_with("+");
  if (plus) text.remove_prefix(1);
  std::int64_t value = 0;
  const auto read = std::from_chars(text.data(), text.data() + text.size(), value);
  const bool whole =
      read.ptr == text.data() + text.size() && !text.empty() && !(plus && text[0] == '-');
  if (!whole || read.ec == std::errc::invalid_argument) bad_syntax(type, given);
  if (read.ec == std::errc::result_out_of_range || value < least || value > most)
    throw evaluation_error("22003",
                           "value \"" + std::string(given) + "\" is out of range for type " + type);
  return value;
}

double parse_double(std::string_view text) {
  return parse_real<double>(text, "double precision", std::strtod);
}
float parse_float(std::string_view text) { return parse_real<float>(text, "real", std::strtof); }
void print_double(std::string& out, double value) { print_real(out, value, 15); }
void print_float(std::string& out, float value) { print_real(out, value, 6); }

std::string parse_bytea(std::string_view text) {
  std::string out;
  if (text.starts_with("\\x")) {
    int high = -1;
    for (const char c : text.substr(2)) {
      if (high < 0 && (c == ' ' || c == '\n' || c == '\t' || c == '\r')) continue;
      const int digit = hex_digit(c);
      if (digit < 0)
        throw evaluation_error("22023", std::string("invalid hexadecimal digit: \"") + c + "\"");
      if (high < 0) {
        high = digit;
        continue;
      }
      out += static_cast<char>(high << 4 | digit);
      high = -1;
    }
    if (high >= 0)
      throw evaluation_error("22023", "invalid hexadecimal data: odd number of digits");
    return out;
  }
  return parse_escaped_bytes(text);
}

std::string parse_escaped_bytes(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\\') {
      out += text[i];
    } else if (i + 1 < text.size() && text[i + 1] == '\\') {
      out += '\\';
      ++i;
    } else {
      const auto octal = [&](std::size_t at, char most) {
        return at < text.size() && text[at] >= '0' && text[at] <= most;
      };
      if (!octal(i + 1, '3') || !octal(i + 2, '7') || !octal(i + 3, '7')) bad_syntax("bytea", text);
      out += static_cast<char>((text[i + 1] - '0') << 6 | (text[i + 2] - '0') << 3
                               | (text[i + 3] - '0'));
      i += 3;
    }
  }
  return out;
}

void print_bytea(std::string& out, std::string_view bytes) {
  constexpr const char* digits = "0123456789abcdef";
  out += "\\x";
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    out += digits[byte >> 4];
    out += digits[byte & 15];
  }
}

std::string parse_uuid(std::string_view given) {
  // Braces around it, and a hyphen after each group of four digits, may be there or not.
  auto text = given;
  const bool braces = text.starts_with("{");
  if (braces) {
    if (!text.ends_with("}")) bad_syntax("uuid", given);
    text = text.substr(1, text.size() - 2);
  }
  std::string digits;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '-') {
      const bool fits =
          !digits.empty() && digits.size() % 4 == 0 && digits.size() < 32 && text[i - 1] != '-';
      if (!fits) bad_syntax("uuid", given);
      continue;
    }
    if (hex_digit(text[i]) < 0) bad_syntax("uuid", given);
    digits += text[i];
  }
  if (digits.size() != 32) bad_syntax("uuid", given);
  digits = lower_ascii(digits);
  for (const std::size_t at : {20, 16, 12, 8}) digits.insert(at, "-");
  return digits;
}

std::size_t count_characters(std::string_view text) {
  std::size_t n = 0;
  for (const char c : text) n += (static_cast<unsigned char>(c) & 0xc0) != 0x80 ? 1 : 0;
  return n;
}

std::size_t bytes_of(std::string_view text, std::size_t n) {
  std::size_t at = 0;
  for (; n > 0 && at < text.size(); --n) {
    ++at;
    while (at < text.size() && (static_cast<unsigned char>(text[at]) & 0xc0) == 0x80) ++at;
  }
  return at;
}

std::string fit_varchar(std::string_view text, int n) {
  return std::string(text.substr(0, bytes_of(text, static_cast<std::size_t>(n))));
}

std::string fit_bpchar(std::string_view text, int n) {
  auto out = fit_varchar(text, n);
  const auto have = count_characters(out);
  if (have < static_cast<std::size_t>(n)) out.append(static_cast<std::size_t>(n) - have, ' ');
  return out;
}

std::string_view without_trailing_spaces(std::string_view text) {
  while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
  return text;
}

} // namespace leat::sql
