#include "dataflow/expressions/base64.hpp"

#include "dataflow/expressions/evaluation_error.hpp"

namespace leat::sql {

namespace {

constexpr std::string_view alphabet =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr std::size_t line = 76;

[[noreturn]] void bad(const std::string& what) { throw evaluation_error("22023", what); }

} // namespace

std::string encode_base64(std::string_view bytes) {
  std::string out;
  std::size_t in_line = 0;
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    unsigned n = 0;
    for (std::size_t k = 0; k < 3; ++k)
      n = n << 8 | (i + k < bytes.size() ? static_cast<unsigned char>(bytes[i + k]) : 0U);
    for (std::size_t k = 0; k < 4; ++k)
      out += i + k <= bytes.size() ? alphabet[n >> (18 - 6 * k) & 63] : '=';
    in_line += 4;
    if (in_line >= line) {
      out += '\n';
      in_line = 0;
    }
  }
  return out;
}

std::string decode_base64(std::string_view text) {
  std::string out;
  unsigned bits = 0;
  int filled = 0, ends = 0;
  for (const char c : text) {
    if (c == ' ' || c == '\t' || c == '\n' || c == '\r') continue;
    unsigned value = 0;
    if (c == '=') {
      if (ends == 0) {
        if (filled == 2)
          ends = 1;
        else if (filled == 3)
          ends = 2;
        else
          bad("unexpected \"=\" while decoding base64 sequence");
      }
    } else {
      const auto at = alphabet.find(c);
      if (at == std::string_view::npos)
        bad("invalid symbol \"" + std::string(1, c) + "\" found while decoding base64 sequence");
      value = static_cast<unsigned>(at);
    }
    bits = bits << 6 | value;
    if (++filled < 4) continue;
    out += static_cast<char>(bits >> 16 & 255);
    if (ends == 0 || ends > 1) out += static_cast<char>(bits >> 8 & 255);
    if (ends == 0 || ends > 2) out += static_cast<char>(bits & 255);
    bits = 0;
    filled = 0;
  }
  if (filled != 0) bad("invalid base64 end sequence");
  return out;
}

} // namespace leat::sql
