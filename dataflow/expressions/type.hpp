#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "dataflow/schema.hpp"

namespace leat::sql {

/// Scalar types that expressions compute with. `opaque`: a type that leat does not look into; its
/// text can be cast to text, and tested for NULL. `unknown`: a string literal that has no type yet.
enum class type_id : std::uint8_t {
  unknown,
  boolean,
  int2,
  int4,
  int8,
  numeric,
  float4,
  float8,
  text,
  varchar,
  bpchar,
  bytea,
  date,
  time_of_day,
  timestamp,
  timestamptz,
  interval,
  uuid,
  json,
  jsonb,
  enumeration,
  opaque,
};

/// A type, or the array of it. `modifier` as pg_attribute.atttypmod; -1: none.
struct sql_type {
  type_id id = type_id::unknown;
  bool array = false;
  std::int32_t modifier = -1;
  oid named = 0; ///< of an enumeration: which one

  bool same_kind(const sql_type& other) const {
    return id == other.id && array == other.array && named == other.named;
  }
  bool operator==(const sql_type&) const = default;
  sql_type element() const { return {id, false, modifier, named}; }
  sql_type plain() const { return {id, array, -1, named}; }
};

/// "numeric(12,2)", "integer[]": as format_type() prints it.
std::string name_of(const sql_type&);
oid oid_of(const sql_type&);
value_class class_of(const sql_type&);

/// The type of that (lower-case) name as SQL knows it: "int", "bigint", "pg_catalog" is left out.
std::optional<type_id> find_type(std::string_view name);

/// What a column of a table is to an expression.
sql_type type_of(const column&);

bool is_text(type_id); ///< text, varchar, bpchar
bool is_number(type_id);
bool is_integer(type_id);

/// precision and scale of a numeric's modifier.
struct numeric_modifier {
  int precision = 0;
  int scale = 0;
};
numeric_modifier read_numeric_modifier(std::int32_t);

} // namespace leat::sql
