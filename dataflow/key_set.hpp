#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace leat {

/// 128-bit hash of a key's encoding (append_key), XXH3.
using key_hash = std::array<std::uint64_t, 2>;

/// Set of key hashes: open addressing, 16 bytes a slot, at most three quarters full. The hashes are
/// uniform, so they are their own hash function.
class key_set {
 public:
  bool insert(key_hash); ///< false: it was there
  bool contains(key_hash) const noexcept;
  void reserve(std::size_t keys); ///< room for so many
  void clear() noexcept { *this = key_set{}; }

  std::size_t size() const noexcept { return size_; }
  std::size_t bytes() const noexcept { return slots_.size() * sizeof(key_hash); }

  /// Calls `f(key_hash)` for each, in no order.
  template <class F>
  void for_each(F f) const {
    for (const auto& slot : slots_)
      if (slot != empty) f(slot);
  }

  bool operator==(const key_set&) const;

 private:
  static constexpr key_hash empty{};

  std::size_t find(key_hash) const noexcept;
  void resize(std::size_t slots);

  std::vector<key_hash> slots_; ///< a power of two of them, or none
  std::size_t size_ = 0;
};

} // namespace leat
