#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

namespace leat {

/// Keys whose rows a target has refused (R8). What it has under them lacks a change: no cell of a
/// later row is to come from there.
class letter_keys {
 public:
  /// More than these are not told apart: then any key may be one.
  static constexpr std::size_t most = 100'000;

  /// A dead_letter::key.
  void add(std::string_view key);
  /// There are more than can be told apart.
  void add_all();
  /// `texts`: of the key's columns, in any order.
  bool may_hold(std::vector<std::string_view> texts) const;

 private:
  std::unordered_set<std::uint64_t> hashes_;
  bool all_ = false;
};

} // namespace leat
