#pragma once

#include <cstdint>
#include <cstring>
#include <string_view>

namespace leat::postgres {

/// Reads big-endian numbers, strings and runs of bytes of one protocol message, front to back. What
/// does not fit in the message fails through `Broken`, a callable `[[noreturn]] void(const char*
/// what)`.
template <class Broken>
class wire_reader {
 public:
  wire_reader(std::string_view bytes, Broken broken)
      : at_(bytes.data()), end_(bytes.data() + bytes.size()), broken_(broken) {}

  std::uint8_t u8() { return static_cast<std::uint8_t>(*take(1)); }
  char letter() { return *take(1); }
  std::uint16_t u16() { return number<std::uint16_t>(); }
  std::uint32_t u32() { return number<std::uint32_t>(); }
  std::uint64_t u64() { return number<std::uint64_t>(); }
  std::int64_t i64() { return static_cast<std::int64_t>(u64()); }

  /// A text that ends with a zero byte.
  std::string_view string() {
    const void* zero = at_ == end_ ? nullptr : std::memchr(at_, 0, remaining());
    if (zero == nullptr) broken_("a name does not end");
    const std::string_view text(at_,
                                static_cast<std::size_t>(static_cast<const char*>(zero) - at_));
    at_ += text.size() + 1;
    return text;
  }

  std::string_view bytes(std::size_t size) { return {take(size), size}; }

  const char* here() const { return at_; }
  std::size_t remaining() const { return static_cast<std::size_t>(end_ - at_); }
  void expect_end() {
    if (at_ != end_) broken_("bytes follow its end");
  }

 private:
  const char* take(std::size_t size) {
    if (remaining() < size) broken_("it ends too early");
    const char* start = at_;
    at_ += size;
    return start;
  }

  template <class Number>
  Number number() {
    const char* from = take(sizeof(Number));
    Number value;
    std::memcpy(&value, from, sizeof value);
    if constexpr (sizeof(Number) == 2) return __builtin_bswap16(value);
    if constexpr (sizeof(Number) == 4) return __builtin_bswap32(value);
    if constexpr (sizeof(Number) == 8) return __builtin_bswap64(value);
  }

  const char* at_;
  const char* end_;
  Broken broken_;
};

} // namespace leat::postgres
