#include "plugins/starrocks/values.hpp"

#include <algorithm>
#include <array>
#include <cfloat>
#include <charconv>
#include <chrono>
#include <cmath>
#include <cstring>
#include <iterator>

#include <fmt/format.h>

#include "dataflow/expressions/time_zone.hpp"
#include "plugins/starrocks/array_text.hpp"
#include "plugins/starrocks/json_numbers.hpp"

namespace leat::starrocks {

namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }

bool all_digits(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), is_digit);
}

void append_quoted(std::string& out, std::string_view text) {
  out += '"';
  out += text;
  out += '"';
}

misfit_kind append_integer(std::string& out, std::string_view text) {
  if (!all_digits(text.starts_with('-') ? text.substr(1) : text)) return misfit_kind::malformed;
  out += text;
  return misfit_kind::none;
}

misfit_kind special_number(std::string_view text) {
  if (text == "NaN") return misfit_kind::nan;
  if (text == "Infinity" || text == "-Infinity") return misfit_kind::infinity;
  const bool number = !text.empty() && text.find_first_not_of("0123456789+-.eE") == text.npos;
  return number ? misfit_kind::none : misfit_kind::malformed;
}

/// Exactly: the shortest text of it is a larger double, which a BE refuses for a FLOAT.
constexpr std::string_view largest_float = "3.4028234663852886e38";

bool is_largest_float(const column_type& type, std::string_view text) {
  if (!text.ends_with("+38") && !text.ends_with("e38")) return false;
  float value = 0;
  const auto* end = text.data() + text.size();
  const auto [stop, wrong] = std::from_chars(text.data(), end, value);
  return type.sql == "FLOAT" && wrong == std::errc{} && stop == end && std::fabs(value) == FLT_MAX;
}

void append_number(std::string& out, const column_type& type, std::string_view text) {
  if (text == "-0") { // an integer, to JSON: its sign would be lost
    out += "-0.0";
    return;
  }
  if (!is_largest_float(type, text)) {
    out += text;
    return;
  }
  if (text.starts_with('-')) out += '-';
  out += largest_float;
}

misfit_kind append_real(std::string& out, const column_type& type, std::string_view text) {
  const auto special = special_number(text);
  if (special == misfit_kind::none) append_number(out, type, text);
  return special;
}

column_type element_of(const column_type& list) {
  return {list.sql == "ARRAY<FLOAT>" ? "FLOAT" : "",
          list.element,
          list.element_limit,
          {},
          0,
          {},
          list.zone};
}

/// `list`: as StarRocks printed it.
void append_numbers(std::string& out, const column_type& element, std::string_view list) {
  for (std::size_t at = 0; at < list.size(); ++at) {
    const auto end = std::min(list.find_first_of("[], ", at), list.size());
    append_number(out, element, list.substr(at, end - at));
    if (end < list.size()) out += list[end];
    at = end;
  }
}

misfit_kind append_decimal(std::string& out, std::string_view text) {
  const auto special = special_number(text);
  if (special == misfit_kind::none) append_quoted(out, text);
  return special;
}

misfit_kind append_bytes(std::string& out, const column_type& type, std::string_view text) {
  if (!text.starts_with("\\x") || text.size() % 2 != 0) return misfit_kind::malformed;
  text.remove_prefix(2);
  if (text.size() / 2 > type.limit) return misfit_kind::out_of_range;
  append_quoted(out, text);
  return misfit_kind::none;
}

/// YYYY-MM-DD.
bool is_plain_date(std::string_view text) {
  return text.size() == 10 && text[4] == '-' && text[7] == '-' && all_digits(text.substr(0, 4))
         && all_digits(text.substr(5, 2)) && all_digits(text.substr(8, 2));
}

/// Of a date or timestamp that is not plain: -1 before StarRocks' range, 1 after it.
int side_of(std::string_view text) {
  return text.starts_with('-') || text.ends_with(" BC") ? -1 : 1;
}

misfit_kind why_no_date(std::string_view text) {
  if (text == "infinity" || text == "-infinity") return misfit_kind::infinity;
  const auto dash = text.find('-');
  const bool long_year = dash != text.npos && dash > 4 && all_digits(text.substr(0, dash));
  return long_year || text.ends_with(" BC") ? misfit_kind::out_of_range : misfit_kind::malformed;
}

misfit_kind append_date(std::string& out, std::string_view text) {
  if (!is_plain_date(text)) return why_no_date(text);
  append_quoted(out, text);
  return misfit_kind::none;
}

/// HH:MM:SS with at most six digits behind it.
bool is_plain_time(std::string_view text) {
  if (text.size() < 8 || text[2] != ':' || text[5] != ':') return false;
  if (text.size() == 8) return true;
  return text[8] == '.' && text.size() <= 15 && all_digits(text.substr(9));
}

int number(std::string_view digits) {
  int n = 0;
  for (const char c : digits) n = n * 10 + (c - '0');
  return n;
}

/// `plain`: YYYY-MM-DD HH:MM:SS in UTC, with or without digits behind it.
misfit_kind append_local(std::string& out, const sql::time_zone& zone, std::string_view plain) {
  using namespace std::chrono;
  const auto part = [&](std::size_t at, std::size_t size) {
    return number(plain.substr(at, size));
  };
  const sys_days day = year{part(0, 4)} / part(5, 2) / part(8, 2);
  const sys_seconds utc = day + hours{part(11, 2)} + minutes{part(14, 2)} + seconds{part(17, 2)};
  const auto local = utc + seconds{zone.offset_at(utc.time_since_epoch().count())};
  const auto date = floor<days>(local);
  const year_month_day ymd{date};
  if (ymd.year() < year{0} || ymd.year() > year{9999}) return misfit_kind::out_of_range;
  const hh_mm_ss time{local - date};
  fmt::format_to(std::back_inserter(out), "\"{:04}-{:02}-{:02} {:02}:{:02}:{:02}{}\"",
                 int{ymd.year()}, unsigned{ymd.month()}, unsigned{ymd.day()}, time.hours().count(),
                 time.minutes().count(), time.seconds().count(), plain.substr(19));
  return misfit_kind::none;
}

/// `zone`: null is UTC.
misfit_kind append_timestamp(std::string& out, std::string_view text, bool zoned,
                             const sql::time_zone* zone = nullptr) {
  std::string_view plain = text;
  if (zoned && plain.ends_with("+00")) plain.remove_suffix(3);
  const bool good = plain.size() >= 19 && is_plain_date(plain.substr(0, 10)) && plain[10] == ' '
                    && is_plain_time(plain.substr(11)) && zoned == (plain.size() != text.size());
  if (!good) return why_no_date(text);
  if (zone != nullptr) return append_local(out, *zone, plain);
  append_quoted(out, plain);
  return misfit_kind::none;
}

misfit_kind append_text(std::string& out, std::uint64_t limit, std::string_view text) {
  if (limit != 0 && text.size() > limit) return misfit_kind::out_of_range;
  append_json_string(out, text);
  return misfit_kind::none;
}

/// A member that is null is a NULL to a load; the document `null` would be lost.
bool is_bare_null(std::string_view document) {
  const auto begin = document.find_first_not_of(" \t\n\r");
  return begin != document.npos && document.substr(begin).starts_with("null");
}

/// The code unit of an escape `\uXXXX`; 0 for what is none.
unsigned escaped_unit(std::string_view text, std::size_t at) {
  unsigned unit = 0;
  if (at + 6 > text.size() || text.substr(at, 2) != "\\u") return 0;
  std::from_chars(text.data() + at + 2, text.data() + at + 6, unit, 16);
  return unit;
}

/// Half a pair is no character: PostgreSQL keeps it in a json, and no BE reads the document.
bool has_lone_surrogate(std::string_view document) {
  const auto is_high = [](unsigned unit) { return (unit & 0xfc00U) == 0xd800U; };
  const auto is_low = [](unsigned unit) { return (unit & 0xfc00U) == 0xdc00U; };
  for (auto at = document.find('\\'); at != document.npos;) {
    const auto unit = escaped_unit(document, at);
    if (is_low(unit) || (is_high(unit) && !is_low(escaped_unit(document, at + 6)))) return true;
    at = document.find('\\', at + (is_high(unit) ? 12 : 2));
  }
  return false;
}

/// Whether the column keeps it, though perhaps with other numbers.
bool is_document(const column_type& type, std::string_view text) {
  return text.size() <= type.limit && !is_bare_null(text) && !has_lone_surrogate(text);
}

misfit_kind append_document(std::string& out, const column_type& type, std::string_view text) {
  if (!is_document(type, text) || !json_numbers_fit(text)) return misfit_kind::out_of_range;
  out += text;
  return misfit_kind::none;
}

misfit_kind append_array(std::string& out, const column_type& type, std::string_view text) {
  const auto element = element_of(type);
  const auto before = out.size();
  auto why = misfit_kind::none;
  out += '[';
  bool first = true;
  const auto shape = parse_array(text, [&](std::string_view item, bool null) {
    if (why != misfit_kind::none) return;
    if (!first) out += ',';
    first = false;
    if (null)
      out += "null";
    else
      why = append_json(out, element, item);
  });
  out += ']';
  if (shape == array_shape::malformed) why = misfit_kind::malformed;
  if (shape == array_shape::not_a_list) why = misfit_kind::out_of_range;
  if (why != misfit_kind::none) out.resize(before);
  return why;
}

/// At a character's edge.
std::string_view cut(std::string_view text, std::uint64_t bytes) {
  std::size_t at = std::min<std::size_t>(text.size(), bytes);
  while (at > 0 && at < text.size() && (static_cast<unsigned char>(text[at]) & 0xc0U) == 0x80U)
    --at;
  return text.substr(0, at);
}

std::string without_zeros(std::string_view text) {
  if (text.find('.') == text.npos) return std::string(text);
  while (text.ends_with('0')) text.remove_suffix(1);
  if (text.ends_with('.')) text.remove_suffix(1);
  return std::string(text);
}

} // namespace

value_policy value_policies::of(misfit_kind kind) const {
  switch (kind) {
  case misfit_kind::nan:
    return nan;
  case misfit_kind::infinity:
    return infinity;
  case misfit_kind::out_of_range:
    return out_of_range;
  default:
    return value_policy::stop;
  }
}

namespace {

/// Whether eight bytes may stand in a JSON string as they are.
bool plain_in_json(const char* at) {
  constexpr std::uint64_t each = 0x0101010101010101U;
  constexpr std::uint64_t high = 0x8080808080808080U;
  std::uint64_t bytes = 0;
  std::memcpy(&bytes, at, sizeof bytes);
  const auto below = [](std::uint64_t x, std::uint64_t limit) {
    return (x - each * limit) & ~x & high;
  };
  const auto has = [&](std::uint64_t byte) { return below(bytes ^ each * byte, 1); };
  return (below(bytes, 0x20) | has('"') | has('\\') | has(0x7f)) == 0;
}

} // namespace

void append_json_string(std::string& out, std::string_view text) {
  static constexpr char hex[] = "0123456789abcdef";
  static constexpr auto special = [] {
    std::array<bool, 256> table{};
    for (std::size_t i = 0; i < 0x20; ++i) table[i] = true;
    table['"'] = table['\\'] = table[0x7f] = true;
    return table;
  }();
  out += '"';
  const char* at = text.data();
  const char* const end = at + text.size();
  const char* clean = at;
  for (; at != end; ++at) {
    while (end - at >= 8 && plain_in_json(at)) at += 8;
    if (at == end) break;
    const auto c = static_cast<unsigned char>(*at);
    if (!special[c]) continue;
    out.append(clean, at);
    clean = at + 1;
    if (c == '"' || c == '\\') {
      out += '\\';
      out += static_cast<char>(c);
      continue;
    }
    out += "\\u00";
    out += hex[c >> 4U];
    out += hex[c & 15U];
  }
  out.append(clean, end);
  out += '"';
}

misfit_kind append_json(std::string& out, const column_type& type, std::string_view text) {
  switch (type.form) {
  case value_form::boolean:
    if (text != "t" && text != "f") return misfit_kind::malformed;
    out += text == "t" ? "true" : "false";
    return misfit_kind::none;
  case value_form::integer:
    return append_integer(out, text);
  case value_form::real:
    return append_real(out, type, text);
  case value_form::decimal:
    return append_decimal(out, text);
  case value_form::text:
    return append_text(out, type.limit, text);
  case value_form::bytes:
    return append_bytes(out, type, text);
  case value_form::date:
    return append_date(out, text);
  case value_form::timestamp:
    return append_timestamp(out, text, false);
  case value_form::timestamptz:
    return append_timestamp(out, text, true, type.zone);
  case value_form::json:
    return append_document(out, type, text);
  case value_form::array:
    return append_array(out, type, text);
  }
  return misfit_kind::malformed;
}

bool append_clamped(std::string& out, const column_type& type, std::string_view text) {
  const bool low = side_of(text) < 0;
  switch (type.form) {
  case value_form::real:
    if (text == "NaN") return false;
    out += low ? "-" : "";
    out += type.sql == "FLOAT" ? largest_float : "1.7976931348623157e308";
    return true;
  case value_form::text:
    append_json_string(out, cut(text, type.limit));
    return true;
  case value_form::bytes:
    append_quoted(out, text.substr(2, type.limit * 2));
    return true;
  case value_form::date:
    out += low ? "\"0000-01-01\"" : "\"9999-12-31\"";
    return true;
  case value_form::timestamp:
  case value_form::timestamptz:
    out += low ? "\"0000-01-01 00:00:00\"" : "\"9999-12-31 23:59:59.999999\"";
    return true;
  case value_form::json:
    if (!is_document(type, text)) return false;
    out += text;
    return true;
  default:
    return false;
  }
}

void append_printed(std::string& out, const column_type& type, std::string_view text) {
  switch (type.form) {
  case value_form::boolean:
    out += text == "1" || text == "true" ? "true" : "false";
    break;
  case value_form::real:
    append_number(out, type, text);
    break;
  case value_form::array:
    if (type.element == value_form::real)
      append_numbers(out, element_of(type), text);
    else
      out += text;
    break;
  case value_form::integer:
  case value_form::json:
    out += text;
    break;
  default:
    append_json_string(out, text);
  }
}

std::string datetime_text(std::chrono::sys_time<std::chrono::microseconds> moment) {
  using namespace std::chrono;
  const auto day = floor<days>(moment);
  const year_month_day date{day};
  const hh_mm_ss time{moment - day};
  return fmt::format("{:04}-{:02}-{:02} {:02}:{:02}:{:02}.{:06}", int{date.year()},
                     unsigned{date.month()}, unsigned{date.day()}, time.hours().count(),
                     time.minutes().count(), time.seconds().count(), time.subseconds().count());
}

std::string read_expression(const column_type& type, const std::string& quoted_name) {
  if (type.form == value_form::bytes) return "hex(" + quoted_name + ")";
  if (type.form == value_form::array) return "CAST(" + quoted_name + " AS JSON)";
  return quoted_name;
}

std::string key_text(value_form form, std::string_view text) {
  switch (form) {
  case value_form::boolean:
    return text == "t" || text == "1" || text == "true" ? "1" : "0";
  case value_form::timestamptz:
    if (text.ends_with("+00")) text.remove_suffix(3);
    return without_zeros(text);
  case value_form::timestamp:
    return without_zeros(text);
  default:
    return std::string(text);
  }
}

} // namespace leat::starrocks
