#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "dataflow/table_stamp.hpp"

namespace leat {

/// PostgreSQL's object identifier: of a table or of a type.
using oid = std::uint32_t;

/// What a column's text means, as far as targets distinguish it. Domains have the class of their
/// base type; `other` is text that no target interprets.
enum class value_class : std::uint8_t {
  boolean,
  int2,
  int4,
  int8,
  object_id,
  float4,
  float8,
  numeric,
  money,
  text,
  bytea,
  date,
  time,
  timetz,
  timestamp,
  timestamptz,
  interval,
  uuid,
  json,
  jsonb,
  array,
  other,
};

/// REPLICA IDENTITY of a table, by its letter in pg_class and in pgoutput's Relation message.
enum class replica_identity : char { by_default = 'd', nothing = 'n', full = 'f', index = 'i' };

struct column {
  std::string name;
  oid type = 0;
  std::int32_t modifier = -1; ///< pg_attribute.atttypmod
  std::string type_name;      ///< as format_type() prints it: "numeric(12,2)", "shop.mood"
  value_class kind = value_class::other;
  bool identity = false;   ///< part of the replica identity
  bool nullable = true;    ///< known from the catalog only; true where unknown
  std::int16_t number = 0; ///< pg_attribute.attnum; 0 where unknown
  bool built_in = true;    ///< the type is PostgreSQL's own, so it exists at every target
  /// Rows older than the column may show a value that no change brought: a default, an identity.
  /// Says nothing about what the column is, so it is not compared.
  bool filled = false;
  /// Of an enum, or a domain over one: in their order, as the catalog last had them. Not compared.
  std::vector<std::string> labels;
  std::string comment; ///< as the catalog last had it; not compared and not kept in the state

  bool operator==(const column& other) const {
    return name == other.name && type == other.type && modifier == other.modifier
           && type_name == other.type_name && kind == other.kind && identity == other.identity
           && nullable == other.nullable && number == other.number && built_in == other.built_in;
  }
};

/// A source table at one place in the stream. Immutable; shared by the batches that use it.
struct table_schema {
  oid id = 0;
  std::string schema;
  std::string name;
  replica_identity identity = replica_identity::by_default;
  std::vector<column> columns;    ///< in the order of the stream's tuples
  std::vector<std::uint16_t> key; ///< indexes into columns, in key order; empty: no key
  std::string comment;            ///< as a column's
  /// As the catalog had it when the stream described the table; unknown in what comes from a state.
  /// Says nothing about what the table is: not compared, and not kept with it.
  table_stamp stamp;

  std::string qualified_name() const { return schema + "." + name; }
  std::optional<std::uint16_t> find(std::string_view column_name) const;
  bool operator==(const table_schema& other) const {
    return id == other.id && schema == other.schema && name == other.name
           && identity == other.identity && columns == other.columns && key == other.key;
  }
};

using schema_ptr = std::shared_ptr<const table_schema>;

} // namespace leat
