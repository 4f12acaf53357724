#include "plugins/postgres/copy_rows.hpp"

#include <array>

namespace leat::postgres {

namespace {

/// The letter after the backslash for bytes that COPY's text format reserves, 0 for all others.
constexpr std::array<char, 256> make_escapes() {
  std::array<char, 256> letters{};
  letters['\t'] = 't';
  letters['\n'] = 'n';
  letters['\r'] = 'r';
  letters['\\'] = '\\';
  return letters;
}
constexpr auto escapes = make_escapes();

char escape_of(char c) { return escapes[static_cast<unsigned char>(c)]; }

} // namespace

void copy_rows::separate() {
  if (!first_) text_ += '\t';
  first_ = false;
}

void copy_rows::add(std::string_view value) {
  separate();
  std::size_t plain = 0;
  for (std::size_t i = 0; i < value.size(); ++i) {
    const char letter = escape_of(value[i]);
    if (letter == 0) continue;
    text_.append(value, plain, i - plain);
    text_ += '\\';
    text_ += letter;
    plain = i + 1;
  }
  text_.append(value, plain);
}

void copy_rows::add_null() {
  separate();
  text_ += "\\N";
}

void copy_rows::end_row() {
  text_ += '\n';
  first_ = true;
}

} // namespace leat::postgres
