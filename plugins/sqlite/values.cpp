#include "plugins/sqlite/values.hpp"

#include <charconv>
#include <chrono>
#include <cmath>
#include <limits>
#include <optional>

#include <fmt/format.h>

namespace leat::sqlite {

namespace {

template <class Number>
std::optional<Number> parse(std::string_view text) {
  Number value{};
  const auto* end = text.data() + text.size();
  const auto [stop, failed] = std::from_chars(text.data(), end, value);
  if (failed != std::errc{} || stop != end) return std::nullopt;
  return value;
}

/// A float4's text names a double that prints the same; a float8's names exactly its own.
std::optional<double> parse_real(std::string_view text) {
  constexpr auto infinity = std::numeric_limits<double>::infinity();
  if (text == "Infinity") return infinity;
  if (text == "-Infinity") return -infinity;
  const auto value = parse<double>(text);
  // from_chars also reads "inf" and "nan", which PostgreSQL never prints.
  if (!value || !std::isfinite(*value)) return std::nullopt;
  return value;
}

int digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return -1;
}

std::optional<std::string> parse_hex(std::string_view text) {
  if (!text.starts_with("\\x") || text.size() % 2 != 0) return std::nullopt;
  std::string bytes;
  bytes.reserve(text.size() / 2);
  for (std::size_t i = 2; i < text.size(); i += 2) {
    const auto high = digit(text[i]);
    const auto low = digit(text[i + 1]);
    if (high < 0 || low < 0) return std::nullopt;
    bytes += static_cast<char>(high * 16 + low);
  }
  return bytes;
}

bool bind_integer(statement& s, int parameter, std::string_view text) {
  const auto value = parse<std::int64_t>(text);
  if (value) s.bind(parameter, *value);
  return value.has_value();
}

bool bind_boolean(statement& s, int parameter, std::string_view text) {
  if (text != "t" && text != "f") return false;
  s.bind(parameter, std::int64_t{text == "t"});
  return true;
}

bool bind_real(statement& s, int parameter, std::string_view text) {
  // SQLite has no NaN; the text stays itself in a REAL column.
  if (text == "NaN") return s.bind(parameter, text), true;
  const auto value = parse_real(text);
  if (value) s.bind(parameter, *value);
  return value.has_value();
}

bool bind_bytes(statement& s, int parameter, std::string_view text) {
  const auto bytes = parse_hex(text);
  if (bytes) s.bind_blob_copy(parameter, *bytes);
  return bytes.has_value();
}

} // namespace

storage storage_of(value_class kind) {
  switch (kind) {
  case value_class::int2:
  case value_class::int4:
  case value_class::int8:
  case value_class::object_id:
    return storage::integer;
  case value_class::boolean:
    return storage::boolean;
  case value_class::float4:
  case value_class::float8:
    return storage::real;
  case value_class::bytea:
    return storage::blob;
  default:
    return storage::text;
  }
}

std::string_view type_name(storage s) {
  switch (s) {
  case storage::integer:
  case storage::boolean:
    return "INTEGER";
  case storage::real:
    return "REAL";
  case storage::blob:
    return "BLOB";
  case storage::text:
    break;
  }
  return "TEXT";
}

std::string loss_of(value_class kind) {
  switch (kind) {
  case value_class::numeric:
  case value_class::money:
    return "exact, but compares and sorts as text";
  case value_class::float4:
  case value_class::float8:
    return "NaN is kept as the text NaN";
  case value_class::interval:
  case value_class::timetz:
  case value_class::array:
  case value_class::other:
    return "kept as its text: SQLite does not compare or compute it";
  default:
    return {};
  }
}

bool bind_text(statement& s, int parameter, storage kind, std::string_view text) {
  switch (kind) {
  case storage::integer:
    return bind_integer(s, parameter, text);
  case storage::boolean:
    return bind_boolean(s, parameter, text);
  case storage::real:
    return bind_real(s, parameter, text);
  case storage::blob:
    return bind_bytes(s, parameter, text);
  case storage::text:
    break;
  }
  s.bind(parameter, text);
  return true;
}

std::string iso_time(std::int64_t microseconds) {
  using namespace std::chrono;
  const sys_time<std::chrono::microseconds> moment =
      sys_days{year{2000} / 1 / 1} + std::chrono::microseconds(microseconds);
  const auto day = floor<days>(moment);
  const year_month_day date{day};
  const hh_mm_ss clock{moment - day};
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:06}Z", int{date.year()},
                     unsigned{date.month()}, unsigned{date.day()}, clock.hours().count(),
                     clock.minutes().count(), clock.seconds().count(), clock.subseconds().count());
}

std::string iso_now() {
  using namespace std::chrono;
  const auto since = system_clock::now() - sys_days{year{2000} / 1 / 1};
  return iso_time(duration_cast<microseconds>(since).count());
}

} // namespace leat::sqlite
