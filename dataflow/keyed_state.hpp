#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace leat {

/// What one transform of one route keeps, by key; keys and values are bytes. Survives restarts:
/// after one it is what it was at the barrier that its sink's target names, so that it agrees with
/// what the target holds, and no change comes twice. Used by the sink's thread. May throw
/// leat::error of kind state.
class keyed_state {
 public:
  virtual ~keyed_state() = default;

  virtual std::optional<std::string> get(std::string_view key) = 0;
  virtual void put(std::string_view key, std::string_view value) = 0;
  virtual void erase(std::string_view key) = 0;
  /// Everything goes, in constant time: for a TRUNCATE.
  virtual void clear() = 0;
};

} // namespace leat
