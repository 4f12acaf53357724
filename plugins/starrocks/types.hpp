#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "dataflow/schema.hpp"

namespace leat::sql {
class time_zone;
}

namespace leat::starrocks {

/// How a value's text becomes the text of its StarRocks column.
enum class value_form : std::uint8_t {
  boolean,
  integer,
  real,    ///< FLOAT, DOUBLE: no NaN, no infinity
  decimal, ///< sent as text, so that no digit is lost
  text,
  bytes, ///< hex, by to_binary() in the load's columns
  date,
  timestamp,
  timestamptz, ///< DATETIME in UTC, or in the column's zone
  json,
  array,
};

/// A column as StarRocks keeps it.
struct column_type {
  std::string sql; ///< "DECIMAL(12,2)", as DDL has it
  value_form form = value_form::text;
  std::uint64_t limit = 0;               ///< bytes of a text or of bytes at most; 0: none
  value_form element = value_form::text; ///< of an array
  std::uint64_t element_limit = 0;
  std::string loss = {};                ///< what is lost; empty: nothing
  const sql::time_zone* zone = nullptr; ///< that a timestamptz is written in; null: UTC
  bool operator==(const column_type&) const = default;
};

inline constexpr std::uint64_t longest_text = 1'048'576;

/// What a server can do that depends on its version.
struct server_traits {
  std::uint32_t major = 4;
  std::uint32_t minor = 0;
  std::uint32_t patch = 0;
  bool has_varbinary() const { return major >= 3; }
  bool has_wide_decimal() const { return major >= 4; }
  /// Chooses the number of buckets itself.
  bool has_own_buckets() const {
    return major > 2 || (major == 2 && (minor > 5 || (minor == 5 && patch >= 7)));
  }
  bool has_json_compression() const {
    return major > 3 || (major == 3 && (minor > 2 || (minor == 2 && patch >= 7)));
  }
  bool has_multi_table() const { return major >= 4; }
  /// Changes the comment of a table.
  bool has_new_comments() const { return major > 3 || (major == 3 && minor >= 1); }
};

/// The type that a source column gets, in the key or outside of it.
column_type type_of(const column&, bool in_key, const server_traits&);

/// Whether the type is timestamptz, or an array of them.
bool has_zone(const column_type&);
/// The type with a zone by its name; as it is when nothing of it has one, or the name is UTC's.
column_type in_zone(column_type, const std::string& zone);

/// `DECIMAL(12,2)` -> 12 and 2; `VARCHAR(20)` -> 20. Nothing: zeros.
struct type_arguments {
  std::uint64_t first = 0;
  std::uint64_t second = 0;
};
type_arguments arguments_of(std::string_view type);

/// Whether a column of type `real` at the target takes every value that `wanted` takes, exactly.
bool holds(std::string_view real, std::string_view wanted);

/// docs/starrocks-types.md.
std::string types_reference();

} // namespace leat::starrocks
