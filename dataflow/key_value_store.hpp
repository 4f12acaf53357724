#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace leat {

/// Changes that happen together or not at all: ranges go first, then keys, then what is put.
struct key_value_write {
  std::vector<std::pair<std::string, std::string>> ranges; ///< from (inclusive), to (exclusive)
  std::vector<std::string> removals;
  std::vector<std::pair<std::string, std::string>> puts;
};

/// An ordered map of bytes that survives a crash. Thread-safe. Writes are made durable in their
/// order: after a crash some first part of them is there, at least up to the last that was synced.
/// Every call may throw leat::error of kind state.
class key_value_store {
 public:
  virtual ~key_value_store() = default;

  virtual std::optional<std::string> get(std::string_view key) const = 0;
  /// Keys from `from` on and before `to`, ascending or descending, until `look` says false.
  virtual void
  scan(std::string_view from, std::string_view to, bool descending,
       const std::function<bool(std::string_view key, std::string_view value)>& look) const = 0;
  virtual void write(const key_value_write&, bool synced) = 0;
};

} // namespace leat
