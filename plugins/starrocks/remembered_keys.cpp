#include "plugins/starrocks/remembered_keys.hpp"

#include <xxhash.h>

namespace leat::starrocks {

key_hash remembered_keys::hash_of(std::string_view key) {
  const auto h = XXH3_128bits(key.data(), key.size());
  return {h.low64, h.high64};
}

void remembered_keys::add(key_hash h) {
  if (any_ || !keys_.insert(h) || ++budget_.now <= budget_.most) return;
  release();
  any_ = true;
}

void remembered_keys::clear() {
  release();
  any_ = false;
}

void remembered_keys::release() {
  budget_.now -= keys_.size();
  keys_.clear();
}

} // namespace leat::starrocks
