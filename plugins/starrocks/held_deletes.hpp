#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "dataflow/spill.hpp"

namespace leat::starrocks {

/// Bytes in memory of all tables of a sink together.
struct held_bytes {
  std::size_t now = 0;
  std::size_t most = 8U << 20;
};

/// Keys of one table that the open epoch has removed and that have not come back: they go out as
/// its last rows (docs/starrocks-exactly-once.md). What does not fit in memory goes to the spill
/// area.
class held_deletes {
 public:
  /// Without an area everything stays in memory.
  held_deletes(std::shared_ptr<spill_area> area, held_bytes& bytes);
  ~held_deletes() { clear(); }
  held_deletes(const held_deletes&) = delete;
  held_deletes& operator=(const held_deletes&) = delete;

  /// `key`: its encoding; `texts`: of its columns.
  void hold(std::string_view key, std::vector<std::string> texts);
  /// The key is there again.
  void release(std::string_view key);
  void clear();

  /// Gives each key that is held, once, and forgets them all.
  void take(const std::function<void(const std::vector<std::string>& texts)>&);

 private:
  /// Nothing: the key came back after it had been spilled.
  using held_key = std::optional<std::vector<std::string>>;
  using key_map = std::unordered_map<std::string, held_key>;

  void put(std::string_view key, held_key);
  void spill();
  void take_part(spill_file& log, const std::function<void(const std::vector<std::string>&)>&);

  std::shared_ptr<spill_area> area_;
  held_bytes& bytes_;
  std::size_t own_ = 0; ///< of bytes_.now
  key_map keys_;        ///< later than what is in the log
  std::optional<spill_file> log_;
};

} // namespace leat::starrocks
