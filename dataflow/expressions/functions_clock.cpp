#include "dataflow/expressions/datetime.hpp"
#include "dataflow/expressions/evaluation_error.hpp"
#include "dataflow/expressions/functions.hpp"
#include "dataflow/expressions/time_fields.hpp"
#include "dataflow/expressions/time_zone.hpp"
#include "dataflow/expressions/to_char.hpp"

namespace leat::sql {

namespace {

using arguments = const datum* const*;

constexpr std::int64_t second = 1'000'000;
constexpr std::int64_t seconds_to_2000 = 946'684'800;

std::int64_t checked(wide t) {
  if (t < -211'813'488'000'000'000 || t >= 9'223'371'331'200'000'000)
    throw evaluation_error("22008", "timestamp out of range");
  return static_cast<std::int64_t>(t);
}

std::int64_t seconds_of(std::int64_t t) {
  return t / second - (t % second < 0 ? 1 : 0) + seconds_to_2000;
}

// AT TIME ZONE

void to_wall_clock(datum& out, arguments a, const call_info&) {
  const auto t = a[1]->i;
  if (!is_finite_timestamp(t) || is_utc(a[0]->text)) return out.set(t);
  const auto offset = find_time_zone(a[0]->text).offset_at(seconds_of(t));
  out.set(checked(static_cast<wide>(t) + offset * second));
}
void from_wall_clock(datum& out, arguments a, const call_info&) {
  const auto t = a[1]->i;
  if (!is_finite_timestamp(t) || is_utc(a[0]->text)) return out.set(t);
  const auto offset = find_time_zone(a[0]->text).offset_of_local(seconds_of(t));
  out.set(checked(static_cast<wide>(t) - offset * second));
}

void shift(datum& out, arguments a, int direction) {
  const auto& zone = a[0]->span;
  if (!is_finite_timestamp(a[1]->i)) return out.set(a[1]->i);
  if (zone.months != 0 || zone.days != 0)
    throw evaluation_error("22023", "an interval as a time zone must not include months or days");
  out.set(checked(static_cast<wide>(a[1]->i)
                  + direction * static_cast<wide>(zone.microseconds / second) * second));
}
void to_offset(datum& out, arguments a, const call_info&) { shift(out, a, 1); }
void from_offset(datum& out, arguments a, const call_info&) { shift(out, a, -1); }

// to_char

void by_pattern(datum& out, std::string_view pattern, std::int64_t t, bool zoned) {
  if (pattern.empty() || !is_finite_timestamp(t)) return out.set_null();
  out.own.clear();
  print_by_pattern(out.own, pattern, t, zoned);
  out.set_built();
}
void timestamp_by_pattern(datum& out, arguments a, const call_info& c) {
  by_pattern(out, a[1]->text, a[0]->i, c.arguments[0].id == type_id::timestamptz);
}
/// PostgreSQL takes a date for a timestamptz here.
void date_by_pattern(datum& out, arguments a, const call_info&) {
  by_pattern(out, a[1]->text, timestamp_of_date(a[0]->i), true);
}

// date_part

void part_of_timestamp(datum& out, arguments a, const call_info& c) {
  give_timestamp_part(out, a[0]->text, a[1]->i, c.arguments[1].id == type_id::timestamptz);
}
void part_of_date(datum& out, arguments a, const call_info&) {
  give_timestamp_part(out, a[0]->text, timestamp_of_date(a[1]->i), false);
}
void part_of_interval(datum& out, arguments a, const call_info&) {
  give_interval_part(out, a[0]->text, a[1]->span);
}
void part_of_time(datum& out, arguments a, const call_info&) {
  give_time_part(out, a[0]->text, a[1]->i);
}
void field_of_time(datum& out, arguments a, const call_info&) {
  give_time_field(out, a[0]->text, a[1]->i);
}

// times of day

void clock_plus(datum& out, arguments a, const call_info&) {
  out.set(add_to_clock(a[0]->i, a[1]->span.microseconds));
}
void plus_clock(datum& out, arguments a, const call_info&) {
  out.set(add_to_clock(a[1]->i, a[0]->span.microseconds));
}
void clock_minus(datum& out, arguments a, const call_info&) {
  out.set(add_to_clock(a[0]->i, -static_cast<wide>(a[1]->span.microseconds)));
}
void clock_difference(datum& out, arguments a, const call_info&) {
  out.set(interval_value{a[0]->i - a[1]->i, 0, 0});
}
void at_clock(datum& out, std::int64_t day, std::int64_t clock) {
  const auto t = timestamp_of_date(day);
  out.set(is_finite_timestamp(t) ? checked(static_cast<wide>(t) + clock) : t);
}
void date_at_clock(datum& out, arguments a, const call_info&) { at_clock(out, a[0]->i, a[1]->i); }
void clock_at_date(datum& out, arguments a, const call_info&) { at_clock(out, a[1]->i, a[0]->i); }

} // namespace

std::vector<function> clock_functions() {
  const auto d = scalar(type_id::date), c = scalar(type_id::time_of_day),
             s = scalar(type_id::timestamp), z = scalar(type_id::timestamptz),
             v = scalar(type_id::interval);
  const auto f = scalar(type_id::float8), t = scalar(type_id::text), n = scalar(type_id::numeric);
  std::vector<function> out = {
      {"timezone", {t, z}, s, to_wall_clock},
      {"timezone", {t, s}, z, from_wall_clock},
      {"timezone", {v, z}, s, to_offset},
      {"timezone", {v, s}, z, from_offset},
      {"to_char", {d, t}, t, date_by_pattern},
      {"to_char", {s, t}, t, timestamp_by_pattern},
      {"to_char", {z, t}, t, timestamp_by_pattern},
      {"date_part", {t, d}, f, part_of_date},
      {"date_part", {t, s}, f, part_of_timestamp},
      {"date_part", {t, z}, f, part_of_timestamp},
      {"date_part", {t, v}, f, part_of_interval},
      {"date_part", {t, c}, f, part_of_time},
      {"extract", {t, c}, n, field_of_time},
      {"+", {c, v}, c, clock_plus},
      {"+", {v, c}, c, plus_clock},
      {"-", {c, v}, c, clock_minus},
      {"-", {c, c}, v, clock_difference},
      {"+", {d, c}, s, date_at_clock},
      {"+", {c, d}, s, clock_at_date},
  };
  return out;
}

} // namespace leat::sql
