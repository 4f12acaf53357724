#include "plugins/starrocks/types.hpp"

#include <array>

#include <fmt/format.h>

namespace leat::starrocks {

namespace {

struct sample {
  value_class kind;
  const char* name; ///< as format_type() prints it
};

constexpr std::array<sample, 36> samples{{
    {value_class::boolean, "boolean"},
    {value_class::int2, "smallint"},
    {value_class::int4, "integer"},
    {value_class::int8, "bigint"},
    {value_class::object_id, "oid"},
    {value_class::float4, "real"},
    {value_class::float8, "double precision"},
    {value_class::numeric, "numeric(12,2)"},
    {value_class::numeric, "numeric(76,10)"},
    {value_class::numeric, "numeric(100,10)"},
    {value_class::numeric, "numeric"},
    {value_class::money, "money"},
    {value_class::text, "text"},
    {value_class::text, "character varying(20)"},
    {value_class::text, "character(20)"},
    {value_class::bytea, "bytea"},
    {value_class::date, "date"},
    {value_class::time, "time without time zone"},
    {value_class::timetz, "time with time zone"},
    {value_class::timestamp, "timestamp without time zone"},
    {value_class::timestamptz, "timestamp with time zone"},
    {value_class::interval, "interval"},
    {value_class::uuid, "uuid"},
    {value_class::json, "json"},
    {value_class::jsonb, "jsonb"},
    {value_class::array, "integer[]"},
    {value_class::array, "text[]"},
    {value_class::array, "timestamp with time zone[]"},
    {value_class::array, "numeric(12,2)[]"},
    {value_class::array, "time without time zone[]"},
    {value_class::array, "bytea[]"},
    {value_class::array, "jsonb[]"},
    {value_class::array, "inet[]"},
    {value_class::array, "shop.mood[]"},
    {value_class::other, "inet"},
    {value_class::other, "shop.mood"},
}};

column sample_column(const sample& s) {
  column c;
  c.name = "c";
  c.kind = s.kind;
  c.type_name = s.name;
  return c;
}

} // namespace

std::string types_reference() {
  std::string page =
      "# PostgreSQL types at a StarRocks target\n\n"
      "What `leat plan` would make of a column, outside of the key and in it, on a server of "
      "version "
      "4.0 or later. Before 4.0\nDECIMAL ends at 38 digits; before 3.0 bytea is hex in a VARCHAR. "
      "A "
      "table that is there already may have wider types.\nLengths are bytes: four for each "
      "character.\n\n"
      "| PostgreSQL | StarRocks | lost | in a key |\n|---|---|---|---|\n";
  const server_traits newest{};
  for (const auto& s : samples) {
    const auto c = sample_column(s);
    const auto outside = type_of(c, false, newest);
    const auto inside = type_of(c, true, newest);
    page += fmt::format("| {} | {} | {} | {} |\n", s.name, outside.sql,
                        outside.loss.empty() ? "nothing" : outside.loss,
                        inside.sql == outside.sql ? "the same" : inside.sql);
  }
  page +=
      "\nA domain has the type that its base type has; an enum, a range, a composite, a network "
      "address and every other type is kept as its text.\nValues that a column cannot hold follow "
      "`on_value` of the sink: `stop` ends the pipeline and names table, column and key; `null` "
      "writes NULL;\n`clamp` the nearest value that fits (neither of them in a key: two rows would "
      "become one, so it stops); `text` JSON as a JSON string of\nits text; every other column "
      "cannot "
      "hold one, and it stops.\n";
  return page;
}

} // namespace leat::starrocks
