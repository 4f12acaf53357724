#include "dataflow/expressions/type.hpp"

#include <array>
#include <charconv>

namespace leat::sql {

namespace {

struct type_facts {
  type_id id;
  std::string_view name;
  oid scalar;
  oid array;
  value_class kind;
};

constexpr std::array<type_facts, 22> facts{{
    {type_id::unknown, "unknown", 705, 0, value_class::text},
    {type_id::boolean, "boolean", 16, 1000, value_class::boolean},
    {type_id::int2, "smallint", 21, 1005, value_class::int2},
    {type_id::int4, "integer", 23, 1007, value_class::int4},
    {type_id::int8, "bigint", 20, 1016, value_class::int8},
    {type_id::numeric, "numeric", 1700, 1231, value_class::numeric},
    {type_id::float4, "real", 700, 1021, value_class::float4},
    {type_id::float8, "double precision", 701, 1022, value_class::float8},
    {type_id::text, "text", 25, 1009, value_class::text},
    {type_id::varchar, "character varying", 1043, 1015, value_class::text},
    {type_id::bpchar, "character", 1042, 1014, value_class::text},
    {type_id::bytea, "bytea", 17, 1001, value_class::bytea},
    {type_id::date, "date", 1082, 1182, value_class::date},
    {type_id::time_of_day, "time without time zone", 1083, 1183, value_class::time},
    {type_id::timestamp, "timestamp without time zone", 1114, 1115, value_class::timestamp},
    {type_id::timestamptz, "timestamp with time zone", 1184, 1185, value_class::timestamptz},
    {type_id::interval, "interval", 1186, 1187, value_class::interval},
    {type_id::uuid, "uuid", 2950, 2951, value_class::uuid},
    {type_id::json, "json", 114, 199, value_class::json},
    {type_id::jsonb, "jsonb", 3802, 3807, value_class::jsonb},
    {type_id::enumeration, "enum", 0, 0, value_class::other},
    {type_id::opaque, "a type that leat does not look into", 0, 0, value_class::other},
}};

const type_facts& facts_of(type_id id) { return facts[static_cast<std::size_t>(id)]; }

constexpr std::array<std::pair<std::string_view, type_id>, 35> spellings{{
    {"bool", type_id::boolean},
    {"boolean", type_id::boolean},
    {"int2", type_id::int2},
    {"smallint", type_id::int2},
    {"int", type_id::int4},
    {"int4", type_id::int4},
    {"integer", type_id::int4},
    {"int8", type_id::int8},
    {"bigint", type_id::int8},
    {"numeric", type_id::numeric},
    {"decimal", type_id::numeric},
    {"float4", type_id::float4},
    {"real", type_id::float4},
    {"float8", type_id::float8},
    {"double precision", type_id::float8},
    {"text", type_id::text},
    {"varchar", type_id::varchar},
    {"character varying", type_id::varchar},
    {"bpchar", type_id::bpchar},
    {"character", type_id::bpchar},
    {"bytea", type_id::bytea},
    {"date", type_id::date},
    {"time", type_id::time_of_day},
    {"time without time zone", type_id::time_of_day},
    {"timestamp", type_id::timestamp},
    {"timestamp without time zone", type_id::timestamp},
    {"timestamptz", type_id::timestamptz},
    {"timestamp with time zone", type_id::timestamptz},
    {"interval", type_id::interval},
    {"uuid", type_id::uuid},
    {"json", type_id::json},
    {"jsonb", type_id::jsonb},
    {"name", type_id::text},
    {"oid", type_id::int8},
    {"float", type_id::float8},
}};

/// "numeric(12,2)" -> "numeric", "timestamp(3) without time zone" -> without "(3)".
std::string without_modifier(std::string_view name) {
  const auto open = name.find('(');
  if (open == std::string_view::npos) return std::string(name);
  const auto close = name.find(')', open);
  if (close == std::string_view::npos) return std::string(name);
  return std::string(name.substr(0, open)) + std::string(name.substr(close + 1));
}

sql_type array_type(const column& c) {
  std::string name = c.type_name;
  while (name.ends_with("[]")) name.resize(name.size() - 2);
  const auto element = find_type(without_modifier(name));
  if (!element) return {type_id::opaque, false, -1};
  return {*element, true, c.modifier};
}

} // namespace

numeric_modifier read_numeric_modifier(std::int32_t modifier) {
  const auto bits = modifier - 4;
  return {(bits >> 16) & 0xffff, ((bits & 0x7ff) ^ 1024) - 1024};
}

std::string name_of(const sql_type& t) {
  std::string name(facts_of(t.id).name);
  const auto number = [](int n) { return std::to_string(n); };
  if (t.modifier >= 0) {
    if (t.id == type_id::varchar || t.id == type_id::bpchar) {
      name += "(" + number(t.modifier - 4) + ")";
    } else if (t.id == type_id::numeric) {
      const auto m = read_numeric_modifier(t.modifier);
      name += "(" + number(m.precision) + "," + number(m.scale) + ")";
    } else if (t.id == type_id::timestamp || t.id == type_id::timestamptz) {
      name.insert(9, "(" + number(t.modifier) + ")");
    } else if (t.id == type_id::time_of_day) {
      name.insert(4, "(" + number(t.modifier) + ")");
    }
  }
  return t.array ? name + "[]" : name;
}

oid oid_of(const sql_type& t) { return t.array ? facts_of(t.id).array : facts_of(t.id).scalar; }

value_class class_of(const sql_type& t) {
  return t.array ? value_class::array : facts_of(t.id).kind;
}

std::optional<type_id> find_type(std::string_view name) {
  for (const auto& [spelling, id] : spellings)
    if (spelling == name) return id;
  return std::nullopt;
}

sql_type type_of(const column& c) {
  if (!c.labels.empty()) return {type_id::enumeration, false, -1, c.type};
  const auto of = [&](type_id id) { return sql_type{id, false, c.modifier}; };
  switch (c.kind) {
  case value_class::boolean:
    return of(type_id::boolean);
  case value_class::int2:
    return of(type_id::int2);
  case value_class::int4:
    return of(type_id::int4);
  case value_class::int8:
    return of(type_id::int8);
  case value_class::float4:
    return of(type_id::float4);
  case value_class::float8:
    return of(type_id::float8);
  case value_class::numeric:
    return of(type_id::numeric);
  case value_class::text:
    if (c.type == 1043) return of(type_id::varchar);
    if (c.type == 1042) return of(type_id::bpchar);
    return {type_id::text, false, -1};
  case value_class::bytea:
    return of(type_id::bytea);
  case value_class::date:
    return of(type_id::date);
  case value_class::timestamp:
    return of(type_id::timestamp);
  case value_class::timestamptz:
    return of(type_id::timestamptz);
  case value_class::interval:
    return of(type_id::interval);
  case value_class::uuid:
    return of(type_id::uuid);
  case value_class::json:
    return of(type_id::json);
  case value_class::jsonb:
    return of(type_id::jsonb);
  case value_class::array:
    return array_type(c);
  case value_class::object_id:
    return {type_id::int8, false, -1};
  case value_class::time:
    return of(type_id::time_of_day);
  case value_class::money:
  case value_class::timetz:
  case value_class::other:
    break;
  }
  return {type_id::opaque, false, -1};
}

bool is_text(type_id id) {
  return id == type_id::text || id == type_id::varchar || id == type_id::bpchar;
}

bool is_integer(type_id id) {
  return id == type_id::int2 || id == type_id::int4 || id == type_id::int8;
}

bool is_number(type_id id) {
  return is_integer(id) || id == type_id::numeric || id == type_id::float4 || id == type_id::float8;
}

} // namespace leat::sql
