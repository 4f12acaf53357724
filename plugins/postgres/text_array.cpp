#include "plugins/postgres/text_array.hpp"

#include <array>

namespace leat::postgres {

namespace {

constexpr std::uint32_t text_oid = 25;
constexpr std::size_t header_size = 20;

void put(char* at, std::uint32_t value) {
  at[0] = static_cast<char>(value >> 24);
  at[1] = static_cast<char>(value >> 16);
  at[2] = static_cast<char>(value >> 8);
  at[3] = static_cast<char>(value);
}

void append(std::string& out, std::uint32_t value) {
  std::array<char, 4> bytes{};
  put(bytes.data(), value);
  out.append(bytes.data(), bytes.size());
}

} // namespace

text_array::text_array() { clear(); }

void text_array::clear() {
  encoded_.assign(header_size, '\0');
  size_ = 0;
  has_null_ = false;
}

void text_array::add(std::string_view text) {
  append(encoded_, static_cast<std::uint32_t>(text.size()));
  encoded_.append(text);
  ++size_;
}

void text_array::add_null() {
  append(encoded_, 0xffffffffU);
  ++size_;
  has_null_ = true;
}

const std::string& text_array::encoded() {
  put(encoded_.data(), 1); // dimensions
  put(encoded_.data() + 4, has_null_ ? 1 : 0);
  put(encoded_.data() + 8, text_oid);
  put(encoded_.data() + 12, size_);
  put(encoded_.data() + 16, 1); // lower bound
  return encoded_;
}

} // namespace leat::postgres
