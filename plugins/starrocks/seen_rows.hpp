#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "plugins/starrocks/context.hpp"
#include "plugins/starrocks/table.hpp"

namespace leat::starrocks {

/// The side table of a snapshot that is not a table's first (R12): keys that a chunk or a change
/// has brought since it began. It is loaded as the data is, so it outlives restarts.
class seen_rows {
 public:
  seen_rows(target_context&, route_ptr, const std::vector<wanted_column>& columns);

  bool collecting() const { return rows_.has_value(); }
  void start();
  /// Adds a key, its texts in key order; nothing when the side table cannot hold it. While it
  /// collects.
  void add(std::span<const std::string_view> texts);
  void send();
  void drain();
  /// Removes the rows whose keys are not there, as the route deletes. Everything is drained.
  void remove_unseen();
  void drop();
  /// The route has another version; `columns` are its own by now.
  void use(const route_ptr&);

 private:
  std::vector<wanted_column> key_columns() const;
  void collect();

  target_context& context_;
  route_ptr route_;
  const std::vector<wanted_column>& columns_;
  std::string table_;
  std::optional<row_encoder> rows_;
};

} // namespace leat::starrocks
