#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "plugins/starrocks/mysql_client.hpp"
#include "plugins/starrocks/table.hpp"

namespace leat::starrocks {

/// Rows that the target holds, by key: StarRocks updates whole rows, so that one with cells which
/// did not come is completed from here (R6).
class read_back {
 public:
  /// Texts by column, as read_expression() prints them.
  using row = std::vector<std::optional<std::string>>;

  read_back(mysql_client&, std::string quoted_table, const std::vector<wanted_column>&);

  /// Key of a lookup: the texts of the key's columns as the source prints them, in key order.
  static std::string key_of(const std::vector<wanted_column>&,
                            std::span<const std::string_view> texts);

  /// Most keys to ask for at a time.
  static constexpr std::size_t most_keys = 500;

  /// Reads the rows with the first of these keys, as many as few MiB hold, or one row: 1 to
  /// most_keys. Returns how many keys; 0 of none.
  std::size_t fetch(std::span<const std::vector<std::string_view>> keys);
  const row* find(const std::string& key) const;
  void clear() { rows_.clear(); }

 private:
  std::string condition(const std::vector<std::string_view>& key) const;
  std::string statement(std::span<const std::vector<std::string_view>> keys) const;
  void keep(std::vector<row>&& rows);

  mysql_client& sql_;
  std::string table_;
  const std::vector<wanted_column>& columns_;
  std::unordered_map<std::string, row> rows_;
  std::size_t group_; ///< keys that are asked for next
};

} // namespace leat::starrocks
