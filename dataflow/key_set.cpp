#include "dataflow/key_set.hpp"

#include <algorithm>
#include <bit>
#include <utility>

namespace leat {

namespace {

// The empty slot's value must not be a member.
key_hash storable(key_hash key) { return key == key_hash{} ? key_hash{0, 1} : key; }

} // namespace

std::size_t key_set::find(key_hash key) const noexcept {
  const auto mask = slots_.size() - 1;
  auto i = static_cast<std::size_t>(key[0]) & mask;
  while (slots_[i] != key && slots_[i] != empty) i = (i + 1) & mask;
  return i;
}

bool key_set::insert(key_hash key) {
  key = storable(key);
  if ((size_ + 1) * 4 > slots_.size() * 3) resize(slots_.empty() ? 4 : slots_.size() * 2);
  auto& slot = slots_[find(key)];
  if (slot == key) return false;
  slot = key;
  ++size_;
  return true;
}

bool key_set::contains(key_hash key) const noexcept {
  if (size_ == 0) return false;
  key = storable(key);
  return slots_[find(key)] == key;
}

void key_set::reserve(std::size_t keys) {
  if (keys == 0) return;
  const auto slots = std::bit_ceil(std::max<std::size_t>(keys * 4 / 3 + 1, 4));
  if (slots > slots_.size()) resize(slots);
}

void key_set::resize(std::size_t slots) {
  const auto old = std::exchange(slots_, std::vector<key_hash>(slots, empty));
  for (const auto& key : old)
    if (key != empty) slots_[find(key)] = key;
}

bool key_set::operator==(const key_set& other) const {
  if (size_ != other.size_) return false;
  bool equal = true;
  for_each([&](key_hash key) { equal = equal && other.contains(key); });
  return equal;
}

} // namespace leat
