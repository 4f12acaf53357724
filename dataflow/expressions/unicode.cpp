#include "dataflow/expressions/unicode.hpp"

#include <algorithm>
#include <cwctype>

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

} // namespace

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
