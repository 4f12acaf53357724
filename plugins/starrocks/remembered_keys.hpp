#pragma once

#include <cstddef>
#include <string_view>

#include "dataflow/key_set.hpp"

namespace leat::starrocks {

/// Keys that all sets of a sink remember together.
struct key_budget {
  std::size_t now = 0;
  std::size_t most = 0;
};

/// Keys (append_key) that were noted. When the budget has no room for one, any key may be among
/// them.
class remembered_keys {
 public:
  explicit remembered_keys(key_budget& budget) : budget_(budget) {}
  ~remembered_keys() { clear(); }
  remembered_keys(const remembered_keys&) = delete;
  remembered_keys& operator=(const remembered_keys&) = delete;

  static key_hash hash_of(std::string_view key);

  void add(key_hash);
  bool may_hold(key_hash h) const { return any_ || keys_.contains(h); }
  void clear();

 private:
  void release();

  key_budget& budget_;
  key_set keys_;
  bool any_ = false;
};

} // namespace leat::starrocks
