#include "state/digest.hpp"

#include <xxhash.h>

#include <cstdint>

namespace leat {

std::string digest(std::string_view bytes) {
  const auto h = XXH3_128bits(bytes.data(), bytes.size());
  std::string text;
  for (const std::uint64_t half : {h.high64, h.low64})
    for (int shift = 60; shift >= 0; shift -= 4) text += "0123456789abcdef"[(half >> shift) & 15U];
  return text;
}

} // namespace leat
