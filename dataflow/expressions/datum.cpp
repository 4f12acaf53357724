#include "dataflow/expressions/datum.hpp"

#include <charconv>
#include <cmath>
#include <limits>

#include "dataflow/expressions/evaluation_error.hpp"
#include "dataflow/expressions/json_value.hpp"
#include "dataflow/expressions/text_format.hpp"

namespace leat::sql {

namespace {

template <class T>
std::int64_t integer(std::string_view text, const char* type) {
  return parse_integer(text, std::numeric_limits<T>::min(), std::numeric_limits<T>::max(), type);
}

[[noreturn]] void bad_array(std::string_view text) {
  throw evaluation_error("22P02", "malformed array literal: \"" + std::string(text) + "\"");
}

/// One element of an array's text; leaves `at` behind it.
void read_element(const sql_type& type, std::string_view whole, std::size_t& at, datum& out) {
  std::string text;
  bool quoted = false;
  if (at < whole.size() && whole[at] == '"') {
    quoted = true;
    for (++at; at < whole.size() && whole[at] != '"'; ++at) {
      if (whole[at] == '\\' && ++at >= whole.size()) bad_array(whole);
      text += whole[at];
    }
    if (at++ >= whole.size()) bad_array(whole);
  } else {
    for (; at < whole.size() && whole[at] != ',' && whole[at] != '}'; ++at) {
      if (whole[at] == '{' || whole[at] == '"') bad_array(whole);
      if (whole[at] == '\\' && ++at >= whole.size()) bad_array(whole);
      text += whole[at];
    }
    text = trimmed_spaces(text);
    if (text.empty()) bad_array(whole);
  }
  if (!quoted && lower_ascii(text) == "null") return out.set_null();
  read_value(type, text, out);
  // What was read may point into the local text.
  if (out.text.data() != out.own.data() && !out.text.empty()) out.set_own(std::string(out.text));
}

void read_array(const sql_type& type, std::string_view whole, datum& out) {
  const auto text = trimmed_spaces(whole);
  out.items.clear();
  if (text.starts_with("[") || text.starts_with("{{"))
    throw evaluation_error("0A000",
                           "leat computes with one-dimensional arrays that begin at 1 only");
  if (!text.starts_with("{") || !text.ends_with("}")) bad_array(whole);
  out.null = false;
  std::size_t at = 1;
  const auto spaces = [&] {
    while (at < text.size() && (text[at] == ' ' || (text[at] >= '\t' && text[at] <= '\r'))) ++at;
  };
  spaces();
  if (at == text.size() - 1) return;
  for (;;) {
    spaces();
    read_element(type.element(), text, at, out.items.emplace_back());
    spaces();
    if (at >= text.size()) bad_array(whole);
    if (text[at] == '}' && at == text.size() - 1) return;
    if (text[at++] != ',') bad_array(whole);
  }
}

bool needs_quotes(std::string_view text) {
  if (text.empty() || lower_ascii(text) == "null") return true;
  return text.find_first_of("{}\",\\ \t\n\r\v\f") != std::string_view::npos;
}

void print_array(const sql_type& type, const datum& d, std::string& out) {
  out += '{';
  for (std::size_t i = 0; i < d.items.size(); ++i) {
    if (i != 0) out += ',';
    if (d.items[i].null) {
      out += "NULL";
      continue;
    }
    std::string text;
    print_value(type.element(), d.items[i], text);
    if (!needs_quotes(text)) {
      out += text;
      continue;
    }
    out += '"';
    for (const char c : text) {
      if (c == '"' || c == '\\') out += '\\';
      out += c;
    }
    out += '"';
  }
  out += '}';
}

int compare_arrays(const sql_type& type, const datum& a, const datum& b) {
  for (std::size_t i = 0; i < a.items.size() && i < b.items.size(); ++i) {
    const auto& x = a.items[i];
    const auto& y = b.items[i];
    if (x.null != y.null) return x.null ? 1 : -1;
    if (x.null) continue;
    if (const int c = compare_values(type.element(), x, y); c != 0) return c;
  }
  return a.items.size() < b.items.size() ? -1 : a.items.size() > b.items.size() ? 1 : 0;
}

template <class T>
int three_way(const T& a, const T& b) {
  return a < b ? -1 : b < a ? 1 : 0;
}

/// NaN is equal to itself and above everything.
int compare_reals(double a, double b) {
  if (std::isnan(a) || std::isnan(b)) return three_way(std::isnan(a), std::isnan(b));
  return three_way(a, b);
}

} // namespace

void read_value(const sql_type& type, std::string_view text, datum& out) {
  if (type.array) return read_array(type, text, out);
  switch (type.id) {
  case type_id::boolean:
    return out.set(parse_boolean(text) ? 1 : 0);
  case type_id::int2:
    return out.set(integer<std::int16_t>(text, "smallint"));
  case type_id::int4:
    return out.set(integer<std::int32_t>(text, "integer"));
  case type_id::int8:
    return out.set(integer<std::int64_t>(text, "bigint"));
  case type_id::numeric:
    return out.set(numeric::parse(text));
  case type_id::float4:
    return out.set_real(static_cast<double>(parse_float(text)));
  case type_id::float8:
    return out.set_real(parse_double(text));
  case type_id::bytea:
    return out.set_own(parse_bytea(text));
  case type_id::date:
    return out.set(parse_date(text));
  case type_id::time_of_day:
    return out.set(parse_time(text));
  case type_id::timestamp:
    return out.set(parse_timestamp(text, false));
  case type_id::timestamptz:
    return out.set(parse_timestamp(text, true));
  case type_id::interval:
    return out.set(parse_interval(text));
  case type_id::uuid:
    return out.set_own(parse_uuid(text));
  case type_id::json:
    check_json(text);
    return out.set_view(text);
  case type_id::jsonb:
    return out.set_own(canonical_json(text));
  case type_id::unknown:
  case type_id::text:
  case type_id::varchar:
  case type_id::bpchar:
  case type_id::enumeration:
  case type_id::opaque:
    return out.set_view(text);
  }
}

void print_value(const sql_type& type, const datum& d, std::string& out) {
  if (type.array) return print_array(type, d, out);
  switch (type.id) {
  case type_id::boolean:
    out += d.truth() ? 't' : 'f';
    return;
  case type_id::int2:
  case type_id::int4:
  case type_id::int8: {
    char buffer[24];
    const auto end = std::to_chars(buffer, buffer + sizeof buffer, d.i).ptr;
    out.append(buffer, end);
    return;
  }
  case type_id::numeric:
    out += d.number.text();
    return;
  case type_id::float4:
    return print_float(out, static_cast<float>(d.f));
  case type_id::float8:
    return print_double(out, d.f);
  case type_id::bytea:
    return print_bytea(out, d.text);
  case type_id::date:
    return print_date(out, d.i);
  case type_id::time_of_day:
    return print_time(out, d.i);
  case type_id::timestamp:
    return print_timestamp(out, d.i, false);
  case type_id::timestamptz:
    return print_timestamp(out, d.i, true);
  case type_id::interval:
    return print_interval(out, d.span);
  default:
    out += d.text;
  }
}

int compare_values(const sql_type& type, const datum& a, const datum& b) {
  if (type.array) return compare_arrays(type, a, b);
  switch (type.id) {
  case type_id::numeric:
    return a.number.compare(b.number);
  case type_id::float4:
  case type_id::float8:
    return compare_reals(a.f, b.f);
  case type_id::interval:
    return compare(a.span, b.span);
  case type_id::bpchar:
    return three_way(without_trailing_spaces(a.text), without_trailing_spaces(b.text));
  case type_id::boolean:
  case type_id::int2:
  case type_id::int4:
  case type_id::int8:
  case type_id::date:
  case type_id::time_of_day:
  case type_id::timestamp:
  case type_id::timestamptz:
    return three_way(a.i, b.i);
  default:
    return three_way(a.text.compare(b.text), 0);
  }
}

} // namespace leat::sql
