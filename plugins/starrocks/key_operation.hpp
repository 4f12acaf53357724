#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "dataflow/position.hpp"

namespace leat::starrocks {

/// A cell of a row on its way to the target.
struct row_cell {
  enum class kind : std::uint8_t {
    null,
    source,  ///< as PostgreSQL prints it
    printed, ///< as StarRocks has printed it
    absent   ///< it did not come: the target's row has it
  };
  kind is = kind::absent;
  std::string_view text = {};
};

enum class key_act : std::uint8_t {
  remove, ///< the key goes away
  part,   ///< the cells that came, where the row is; never inserts
  row     ///< a whole row
};

/// What has to happen to one key of the target.
struct key_operation {
  key_act act = key_act::remove;
  /// delete_mode::soft only: the row is marked as deleted; where there is none, nothing is missing.
  bool deleted = false;
  bool seen = false;          ///< a snapshot collects such keys (seen_rows)
  std::optional<position> at; ///< of the change, when it is known and wanted
  /// The columns behind the key's, in the target's order; none of a removal.
  std::vector<row_cell> cells;
};

/// As a record, appended to `out`.
void pack(const key_operation&, std::string& out);
/// The cells are views into the record.
void unpack(std::string_view record, key_operation&);

/// Makes of `earlier` (a record; empty: nothing has happened to the key) what it is after `later`
/// as well (R6). False: the later one updates a row that is gone, so that it has to be read from
/// the source; the key is removed until then.
[[nodiscard]] bool follow_with(std::string& earlier, std::string_view later);

/// A row that the record knows of is marked as deleted.
void mark_deleted(std::string& record);

} // namespace leat::starrocks
