#include "plugins/postgres/type_catalog.hpp"

#include <array>
#include <string_view>
#include <utility>

namespace leat::postgres {

namespace {

/// Oids that pg_type.dat fixes for ever.
namespace type_oid {
constexpr oid bpchar = 1042, varchar = 1043, time = 1083, timestamp = 1114, timestamptz = 1184,
              interval = 1186, timetz = 1266, bit = 1560, varbit = 1562, numeric = 1700;
}

constexpr std::array<std::pair<oid, value_class>, 24> classes{{
    {16, value_class::boolean},       {17, value_class::bytea},      {18, value_class::text},
    {19, value_class::text},          {20, value_class::int8},       {21, value_class::int2},
    {23, value_class::int4},          {25, value_class::text},       {26, value_class::object_id},
    {114, value_class::json},         {700, value_class::float4},    {701, value_class::float8},
    {790, value_class::money},        {1042, value_class::text},     {1043, value_class::text},
    {1082, value_class::date},        {1083, value_class::time},     {1114, value_class::timestamp},
    {1184, value_class::timestamptz}, {1186, value_class::interval}, {1266, value_class::timetz},
    {1700, value_class::numeric},     {2950, value_class::uuid},     {3802, value_class::jsonb},
}};

std::string in_parentheses(std::int32_t n) { return "(" + std::to_string(n) + ")"; }

/// "timestamp without time zone" takes its precision after the first word.
std::string time_with_precision(const std::string& name, std::int32_t precision) {
  const auto space = name.find(' ');
  return name.substr(0, space) + in_parentheses(precision) + name.substr(space);
}

/// numeric.c: precision in the high half, an 11-bit signed scale in the low one, 4 added to both.
std::string numeric_modifier(std::int32_t modifier) {
  const auto bits = modifier - 4;
  const auto precision = (bits >> 16) & 0xffff;
  const auto scale = ((bits & 0x7ff) ^ 1024) - 1024;
  return "(" + std::to_string(precision) + "," + std::to_string(scale) + ")";
}

/// timestamp.c, intervaltypmodout(): a mask of fields in the high half, the precision in the low
/// one.
std::string interval_modifier(std::int32_t modifier) {
  constexpr int year = 1 << 2, month = 1 << 1, day = 1 << 3, hour = 1 << 10, minute = 1 << 11,
                second = 1 << 12;
  static constexpr std::array<std::pair<int, std::string_view>, 13> ranges{{
      {year, " year"},
      {month, " month"},
      {day, " day"},
      {hour, " hour"},
      {minute, " minute"},
      {second, " second"},
      {year | month, " year to month"},
      {day | hour, " day to hour"},
      {day | hour | minute, " day to minute"},
      {day | hour | minute | second, " day to second"},
      {hour | minute, " hour to minute"},
      {hour | minute | second, " hour to second"},
      {minute | second, " minute to second"},
  }};
  std::string text;
  const auto fields = (modifier >> 16) & 0x7fff;
  for (const auto& [mask, words] : ranges)
    if (mask == fields) text = words;
  const auto precision = modifier & 0xffff;
  return precision == 0xffff ? text : text + in_parentheses(precision);
}

std::string with_modifier(oid type, const std::string& name, std::int32_t modifier) {
  switch (type) {
  case type_oid::bpchar:
    return "character" + in_parentheses(modifier - 4);
  case type_oid::varchar:
    return name + in_parentheses(modifier - 4);
  case type_oid::bit:
    return "bit" + in_parentheses(modifier);
  case type_oid::varbit:
    return name + in_parentheses(modifier);
  case type_oid::numeric:
    return name + numeric_modifier(modifier);
  case type_oid::interval:
    return name + interval_modifier(modifier);
  case type_oid::time:
  case type_oid::timetz:
  case type_oid::timestamp:
  case type_oid::timestamptz:
    return time_with_precision(name, modifier);
  default:
    return name;
  }
}

} // namespace

type_catalog type_catalog::load(connection& server) {
  // An oid below 16384 in pg_catalog came with initdb; a superuser's own type there came later.
  // Only types with the array's subscripting print as arrays: int2vector has elements but does not.
  const auto rows = server.query(
      "WITH RECURSIVE base(id, type) AS ("
      " SELECT oid, oid FROM pg_catalog.pg_type WHERE typtype <> 'd'"
      " UNION ALL"
      " SELECT d.oid, base.type FROM pg_catalog.pg_type d JOIN base ON d.typbasetype = base.id"
      " WHERE d.typtype = 'd')"
      "SELECT t.oid, pg_catalog.format_type(t.oid, -1), base.type,"
      " coalesce(e.oid, 0),"
      " t.typnamespace = 'pg_catalog'::pg_catalog.regnamespace AND t.oid < 16384"
      " FROM pg_catalog.pg_type t JOIN base ON base.id = t.oid"
      " LEFT JOIN pg_catalog.pg_type e ON e.oid = t.typelem AND e.typarray = t.oid");
  type_catalog catalog;
  catalog.types_.reserve(static_cast<std::size_t>(rows.rows()));
  for (int i = 0; i < rows.rows(); ++i)
    catalog.types_[static_cast<oid>(rows.number(i, 0))] = {
        rows.string(i, 1), static_cast<oid>(rows.number(i, 2)), static_cast<oid>(rows.number(i, 3)),
        rows.boolean(i, 4)};
  catalog.read_labels(server);
  return catalog;
}

void type_catalog::read_labels(connection& server) {
  const auto rows = server.query("SELECT enumtypid, enumlabel FROM pg_catalog.pg_enum"
                                 " ORDER BY enumtypid, enumsortorder");
  labels_.clear();
  for (int i = 0; i < rows.rows(); ++i)
    labels_[static_cast<oid>(rows.number(i, 0))].push_back(rows.string(i, 1));
}

const type_catalog::entry* type_catalog::find(oid type) const {
  const auto found = types_.find(type);
  return found == types_.end() ? nullptr : &found->second;
}

bool type_catalog::knows(oid type) const { return find(type) != nullptr; }

value_class type_catalog::classify(oid type) const {
  const auto* known = find(type);
  if (known == nullptr) return value_class::other;
  if (known->base != type) return classify(known->base);
  if (known->element != 0) return value_class::array;
  for (const auto& [id, kind] : classes)
    if (id == type) return kind;
  return value_class::other;
}

std::string type_catalog::format(oid type, std::int32_t modifier) const {
  const auto* known = find(type);
  if (known == nullptr) return "type " + std::to_string(type);
  if (modifier < 0) return known->name;
  if (known->element != 0) return format(known->element, modifier) + "[]";
  return with_modifier(type, known->name, modifier);
}

const std::vector<std::string>& type_catalog::labels(oid type) const {
  static const std::vector<std::string> none;
  const auto found = labels_.find(type);
  return found == labels_.end() ? none : found->second;
}

bool type_catalog::built_in(oid type) const {
  const auto* known = find(type);
  return known != nullptr && known->built_in;
}

} // namespace leat::postgres
