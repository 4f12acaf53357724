#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "plugins/starrocks/held_deletes.hpp"

namespace leat::starrocks {

/// A cell as it went into a load.
struct sent_cell {
  enum class kind : std::uint8_t { null, source, printed }; ///< as row_encoder takes it
  kind is = kind::null;
  std::string text;
};

/// Rows of a route with delete = "soft" that the open epoch has written. Marking one as deleted
/// takes the whole row, and the server shows none before the epoch is committed.
class kept_rows {
 public:
  using row = std::vector<sent_cell>;

  explicit kept_rows(held_bytes& bytes) : bytes_(bytes) {}
  ~kept_rows() { clear(); }
  kept_rows(const kept_rows&) = delete;
  kept_rows& operator=(const kept_rows&) = delete;

  void keep(std::string_view key, row);
  const row* find(std::string_view key) const;
  /// A row of the epoch is not kept.
  void lose() { all_ = false; }
  /// False when some of the epoch's rows are not kept: there was no room for them.
  bool all() const { return all_; }
  void clear();

 private:
  void forget(const std::string& key);

  held_bytes& bytes_;
  std::unordered_map<std::string, row> rows_; ///< by the key's encoding
  std::size_t own_ = 0;                       ///< of bytes_.now
  bool all_ = true;
};

} // namespace leat::starrocks
