#include "plugins/starrocks/types.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>

#include <fmt/format.h>

#include "dataflow/expressions/time_zone.hpp"

namespace leat::starrocks {

namespace {

/// A character of UTF-8 takes four bytes at most, and StarRocks counts bytes.
constexpr std::uint64_t bytes_a_character = 4;
constexpr std::int32_t modifier_header = 4;

column_type plain(const char* sql, value_form form) { return {sql, form, 0, {}, 0, {}}; }

const char* const real_loss = "NaN and infinity: on_value.nan and on_value.infinity";
const char* const numeric_loss = "NaN: on_value.nan";
const char* const size_loss = "what is longer than 1 MiB: on_value.out_of_range";
const char* const date_loss =
    "infinity, and years BC or after 9999: on_value.infinity and on_value.out_of_range";

column_type with_loss(column_type type, std::string loss) {
  type.loss = std::move(loss);
  return type;
}

column_type text_of(std::uint64_t limit, std::string loss = {}) {
  limit = std::min(limit, longest_text);
  return {fmt::format("VARCHAR({})", limit), value_form::text, limit, {}, 0, std::move(loss)};
}

std::uint64_t characters_of(const column& c) {
  if (c.modifier > modifier_header) return static_cast<std::uint64_t>(c.modifier - modifier_header);
  return arguments_of(c.type_name).first;
}

column_type bounded_text(const column& c) {
  const bool bounded = c.type_name.starts_with("character") || c.type_name.starts_with("varchar");
  const auto characters = bounded ? characters_of(c) : 0;
  const auto bytes = characters * bytes_a_character;
  if (bytes == 0 || bytes > longest_text) return text_of(longest_text, size_loss);
  return text_of(bytes);
}

column_type numeric_type(const column& c, bool in_key, const server_traits& server) {
  const auto [precision, scale] = arguments_of(c.type_name);
  const bool negative = c.type_name.find(",-") != std::string::npos;
  const std::uint64_t most = server.has_wide_decimal() ? 76 : 38;
  if (precision == 0)
    return text_of(longest_text, "exact, but compares and sorts as text: the source's type has no "
                                 "precision");
  if (in_key) return text_of(precision + 8, "exact, but as text: DECIMAL cannot be in a key");
  if (negative || precision > most || scale > precision)
    return text_of(longest_text, "exact, but compares and sorts as text: no DECIMAL has this "
                                 "precision and scale");
  return with_loss(
      plain(fmt::format("DECIMAL({},{})", precision, scale).c_str(), value_form::decimal),
      numeric_loss);
}

struct element_type {
  std::string_view source; ///< as format_type() prints it, without length and []
  value_form form;
  const char* sql;
  std::uint64_t limit;
};

constexpr std::array<element_type, 14> elements{{
    {"boolean", value_form::boolean, "BOOLEAN", 0},
    {"smallint", value_form::integer, "SMALLINT", 0},
    {"integer", value_form::integer, "INT", 0},
    {"bigint", value_form::integer, "BIGINT", 0},
    {"oid", value_form::integer, "BIGINT", 0},
    {"real", value_form::real, "FLOAT", 0},
    {"double precision", value_form::real, "DOUBLE", 0},
    {"text", value_form::text, "VARCHAR(1048576)", longest_text},
    {"character varying", value_form::text, "VARCHAR(1048576)", longest_text},
    {"character", value_form::text, "VARCHAR(1048576)", longest_text},
    {"uuid", value_form::text, "VARCHAR(36)", 36},
    {"date", value_form::date, "DATE", 0},
    {"timestamp without time zone", value_form::timestamp, "DATETIME", 0},
    {"timestamp with time zone", value_form::timestamptz, "DATETIME", 0},
}};

/// "character varying[]" of "character varying(20)[]".
std::string without_modifier(std::string_view type) {
  const auto open = type.find('(');
  const auto close = type.find(')');
  if (open == std::string_view::npos || close == std::string_view::npos) return std::string(type);
  return std::string(type.substr(0, open)) + std::string(type.substr(close + 1));
}

/// A list goes as a whole where an element does not fit.
std::string loss_of_list(const element_type& e) {
  std::string loss = "several dimensions and lower bounds other than 1: on_value.out_of_range";
  const auto add = [&loss](const char* of_element) {
    loss += "; the list, for ";
    loss += of_element;
  };
  if (e.form == value_form::real) add(real_loss);
  if (e.limit == longest_text) add(size_loss);
  if (e.form == value_form::date || e.form == value_form::timestamp
      || e.form == value_form::timestamptz)
    add(date_loss);
  return loss;
}

column_type array_type(const column& c) {
  auto name = without_modifier(c.type_name);
  if (name == "numeric[]")
    return text_of(longest_text, "kept as its text: read back as JSON, an ARRAY of DECIMAL would "
                                 "lose digits");
  if (name.ends_with("[]")) {
    name.resize(name.size() - 2);
    for (const auto& e : elements)
      if (e.source == name)
        return {fmt::format("ARRAY<{}>", e.sql),
                value_form::array,
                0,
                e.form,
                e.limit,
                loss_of_list(e)};
  }
  return text_of(longest_text, "kept as its text: leat makes no ARRAY of these");
}

column_type text_key(column_type type) {
  constexpr std::uint64_t usual_limit = 128;
  if (type.limit <= usual_limit) return type;
  return with_loss(std::move(type), "rows whose key has more than 128 bytes are refused, unless "
                                    "primary_key_limit_size of the BEs says otherwise");
}

} // namespace

type_arguments arguments_of(std::string_view type) {
  const auto open = type.find('(');
  if (open == std::string_view::npos) return {};
  const auto* at = type.data() + open + 1;
  const auto* end = type.data() + type.size();
  type_arguments found;
  const auto [comma, wrong] = std::from_chars(at, end, found.first);
  if (wrong != std::errc{} || comma == end || *comma != ',') return found;
  const auto* second = comma + 1;
  while (second != end && *second == ' ') ++second;
  std::from_chars(second, end, found.second);
  return found;
}

column_type type_of(const column& c, bool in_key, const server_traits& server) {
  switch (c.kind) {
  case value_class::boolean:
    return plain("BOOLEAN", value_form::boolean);
  case value_class::int2:
    return plain("SMALLINT", value_form::integer);
  case value_class::int4:
    return plain("INT", value_form::integer);
  case value_class::int8:
  case value_class::object_id:
    return plain("BIGINT", value_form::integer);
  case value_class::float4:
  case value_class::float8:
    if (in_key) return text_of(32, "exact, but as text: floating point cannot be in a key");
    return with_loss(plain(c.kind == value_class::float4 ? "FLOAT" : "DOUBLE", value_form::real),
                     real_loss);
  case value_class::numeric:
    return numeric_type(c, in_key, server);
  case value_class::money:
    return text_of(32, "kept as its text, like $1,234.50");
  case value_class::text:
    return in_key ? text_key(bounded_text(c)) : bounded_text(c);
  case value_class::bytea:
    if (in_key) return text_of(2 * 128 + 2, "kept as \\x and hex: VARBINARY cannot be in a key");
    if (!server.has_varbinary())
      return text_of(longest_text, "kept as \\x and hex: StarRocks before 3.0 has no VARBINARY");
    return {"VARBINARY(1048576)", value_form::bytes, longest_text, {}, 0, size_loss};
  case value_class::date:
    return with_loss(plain("DATE", value_form::date), date_loss);
  case value_class::time:
    return text_of(15, "kept as its text: StarRocks has no TIME");
  case value_class::timetz:
    return text_of(24, "kept as its text: StarRocks has no TIME");
  case value_class::timestamp:
    return with_loss(plain("DATETIME", value_form::timestamp), date_loss);
  case value_class::timestamptz:
    return with_loss(plain("DATETIME", value_form::timestamptz), date_loss);
  case value_class::interval:
    return text_of(128, "kept as its text: StarRocks has no interval");
  case value_class::uuid:
    return text_of(36);
  case value_class::json:
  case value_class::jsonb:
    if (in_key) return text_of(longest_text, "kept as its text: JSON cannot be in a key");
    return {"JSON",
            value_form::json,
            16U << 20,
            {},
            0,
            "white space, order and duplicates of members, the form of numbers (1.50 is 1.5); a "
            "bare null, numbers beyond 64 bits or a "
            "double, and halves of surrogate pairs: on_value.out_of_range"};
  case value_class::array:
    if (in_key) return text_of(longest_text, "kept as its text: ARRAY cannot be in a key");
    return array_type(c);
  case value_class::other:
    break;
  }
  return text_of(longest_text, "kept as its text: StarRocks does not compare or compute it");
}

bool has_zone(const column_type& type) {
  return type.form == value_form::timestamptz
         || (type.form == value_form::array && type.element == value_form::timestamptz);
}

column_type in_zone(column_type type, const std::string& zone) {
  if (!has_zone(type) || sql::is_utc(zone)) return type;
  type.zone = &sql::find_time_zone(zone);
  type.loss += (type.loss.empty() ? "" : "; ")
               + fmt::format("in {}: the hour that comes twice when clocks go back does not tell "
                             "which it is",
                             zone);
  return type;
}

namespace {

std::string upper(std::string_view text) {
  std::string made(text);
  for (char& c : made)
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  return made;
}

std::string name_of(std::string_view type) {
  return upper(type.substr(0, type.find_first_of("( <")));
}

/// 0 for a type that is no whole number.
int width_of(std::string_view name) {
  constexpr std::array<std::string_view, 5> integers{"TINYINT", "SMALLINT", "INT", "BIGINT",
                                                     "LARGEINT"};
  const auto at = std::find(integers.begin(), integers.end(), name);
  return at == integers.end() ? 0 : static_cast<int>(at - integers.begin()) + 1;
}

std::uint64_t text_bytes(std::string_view type) {
  const auto name = name_of(type);
  if (name == "STRING" || name == "TEXT") return 65533;
  if (name != "VARCHAR") return 0;
  return std::max<std::uint64_t>(1, arguments_of(type).first);
}

std::uint64_t binary_bytes(std::string_view type) {
  const auto length = arguments_of(type).first;
  return length == 0 ? longest_text : length;
}

/// "INT" of "ARRAY<INT>"; empty for what is no array.
std::string_view element_of(std::string_view type) {
  const auto open = type.find('<');
  const auto close = type.rfind('>');
  if (open == type.npos || close == type.npos || close < open) return {};
  return type.substr(open + 1, close - open - 1);
}

} // namespace

bool holds(std::string_view real, std::string_view wanted) {
  auto has = name_of(real);
  const auto wants = name_of(wanted);
  // DESC shows a BOOLEAN so; a TINYINT of the user's takes no true.
  if (has == "TINYINT" && wants == "BOOLEAN") return arguments_of(real).first == 1;
  if (has == "BIGINT" && wants == "BIGINT") return true;
  if (const int w = width_of(wants); w != 0 && width_of(has) != 0) return width_of(has) >= w;
  if (wants == "VARCHAR") return text_bytes(real) >= text_bytes(wanted);
  if (wants == "DECIMAL") {
    if (!has.starts_with("DECIMAL")) return false;
    const auto [p, s] = arguments_of(real);
    const auto [wp, ws] = arguments_of(wanted);
    return s >= ws && p - s >= wp - ws;
  }
  if (wants == "FLOAT") return has == "FLOAT" || has == "DOUBLE";
  if (wants == "VARBINARY")
    return (has == "VARBINARY" || has == "BINARY") && binary_bytes(real) >= binary_bytes(wanted);
  if (wants == "ARRAY") return has == "ARRAY" && holds(element_of(real), element_of(wanted));
  return has == wants;
}

} // namespace leat::starrocks
