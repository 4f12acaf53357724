#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "dataflow/schema.hpp"

namespace leat {

/// What became of a column's type.
enum class type_change : std::uint8_t {
  none,
  widened,   ///< every stored value fits and prints as before: int4 to int8, varchar(8) to text
  reprinted, ///< every stored value fits, but may print otherwise: float4 to float8
  other,
};

/// From one version of a column to the next.
type_change compare_types(const column& before, const column& after);

/// Difference of two versions of one table, as indexes into their columns.
struct schema_diff {
  struct pair {
    std::uint16_t before = 0;
    std::uint16_t after = 0;
    bool operator==(const pair&) const = default;
  };
  struct retyped {
    pair at;
    type_change change = type_change::other;
    bool operator==(const retyped&) const = default;
  };

  std::vector<std::optional<std::uint16_t>>
      place;                          ///< of each old column in the new version; none: dropped
  std::vector<std::uint16_t> added;   ///< new columns, in their order
  std::vector<std::uint16_t> dropped; ///< old columns, in their order
  std::vector<pair> renamed;
  std::vector<retyped> types; ///< columns of another type, `none` left out
  bool table_renamed = false;

  /// Nothing that a target would notice: pgoutput sends a Relation message for many reasons.
  bool empty() const {
    return added.empty() && dropped.empty() && renamed.empty() && types.empty() && !table_renamed;
  }
};

/// Whether an old column that the new version may have under another name is in the catalog still:
/// its attribute was not dropped. Asked only where numbers are unknown and the order of the columns
/// leaves it open.
using still_there = std::function<bool(const column& before)>;

/// Exact where both versions know column numbers. Otherwise by name, and by order for the rest:
/// PostgreSQL adds columns at the end, so a new name in the midst of known ones is a rename. At the
/// end a new name of the same type is one only when `kept` says so; without `kept`, it is a drop
/// and an add.
schema_diff diff_schemas(const table_schema& before, const table_schema& after,
                         const still_there& kept = {});

/// Rows that were there before may show values now that no change of the stream brought: a default
/// of a new column, values of another type. `column` is an index into `after`.
bool shows_other_values(const schema_diff&, const table_schema& after, std::uint16_t column);

/// One line for people: "added a, b; dropped c; renamed d to e; f is bigint now". Empty for no
/// difference.
std::string describe(const schema_diff&, const table_schema& before, const table_schema& after);

} // namespace leat
