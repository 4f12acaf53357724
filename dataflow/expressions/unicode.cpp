#include "dataflow/expressions/unicode.hpp"

#include <algorithm>
#include <cstdio>
#include <cwctype>
#include <map>
#include <utility>

#include <locale.h>

namespace leat::sql {

namespace {

locale_t character_types() {
  static const locale_t made = newlocale(LC_CTYPE_MASK, "C.UTF-8", nullptr);
  return made;
}

char32_t take(std::string_view text, std::size_t& at) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const auto first = byte(at);
  const std::size_t size = first < 0x80 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
  char32_t c = size == 1 ? first : first & (0xff >> (size + 1));
  for (std::size_t i = 1; i < size && at + i < text.size(); ++i) c = c << 6 | (byte(at + i) & 63);
  at = std::min(at + size, text.size());
  return c;
}

void put(std::string& out, char32_t c) {
  const auto add = [&](char32_t b) { out += static_cast<char>(b); };
  if (c < 0x80) return add(c);
  if (c < 0x800) return add(0xc0 | c >> 6), add(0x80 | (c & 63));
  if (c < 0x10000) return add(0xe0 | c >> 12), add(0x80 | (c >> 6 & 63)), add(0x80 | (c & 63));
  add(0xf0 | c >> 18), add(0x80 | (c >> 12 & 63)), add(0x80 | (c >> 6 & 63)), add(0x80 | (c & 63));
}

template <class Change>
std::string changed(std::string_view text, Change change) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t at = 0; at < text.size();)
    put(out, static_cast<char32_t>(change(static_cast<wint_t>(take(text, at)))));
  return out;
}

/// As of a bracket of a regular expression.
std::string ranges(wctype_t type, char32_t end) {
  std::string out;
  const auto add = [&](char32_t c) {
    char text[16];
    std::snprintf(text, sizeof text, "\\x{%x}", static_cast<unsigned>(c));
    out += text;
  };
  char32_t first = 0;
  bool within = false;
  for (char32_t c = 0; c <= end; ++c) {
    const bool is = c < end && iswctype_l(static_cast<wint_t>(c), type, character_types()) != 0;
    if (is && !within) first = c;
    if (!is && within) {
      add(first);
      if (first + 1 != c) out += '-', add(c - 1);
    }
    within = is;
  }
  return out;
}

constexpr char32_t end_of_ascii = 0x80, end_of_unicode = 0x110000;

} // namespace

std::string characters_of(std::string_view type, bool ascii) {
  if (type == "word") return characters_of("alnum", ascii) + "_";
  if (type == "ascii") return "\\x{0}-\\x{7f}";
  if (type == "blank") return " \\t";
  if (type == "cntrl") return "\\x{0}-\\x{1f}\\x{7f}-\\x{9f}";
  thread_local std::map<std::pair<std::string, bool>, std::string> known;
  auto& found = known[{std::string(type), ascii}];
  if (found.empty())
    if (const auto t = wctype_l(std::string(type).c_str(), character_types()))
      found = ranges(t, ascii ? end_of_ascii : end_of_unicode);
  return found;
}

std::string lower_text(std::string_view text, bool ascii) {
  return changed(text, [ascii](wint_t c) {
    return ascii && c >= 0x80 ? c : towlower_l(c, character_types());
  });
}

std::string upper_text(std::string_view text, bool ascii) {
  return changed(text, [ascii](wint_t c) {
    return ascii && c >= 0x80 ? c : towupper_l(c, character_types());
  });
}

} // namespace leat::sql
