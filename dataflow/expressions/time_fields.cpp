#include "dataflow/expressions/time_fields.hpp"

#include <algorithm>
#include <optional>

#include "dataflow/expressions/evaluation_error.hpp"
#include "dataflow/expressions/text_format.hpp"

namespace leat::sql {

namespace {

constexpr std::int64_t second = 1'000'000;
constexpr std::int64_t unix_epoch_days = -10957;

std::int64_t floor_div(std::int64_t a, std::int64_t b) {
  return a / b - (a % b != 0 && (a < 0) != (b < 0) ? 1 : 0);
}

std::string singular(std::string_view field) {
  auto name = lower_ascii(field);
  constexpr std::pair<const char*, const char*> spellings[] = {{"years", "year"},
                                                               {"y", "year"},
                                                               {"months", "month"},
                                                               {"mon", "month"},
                                                               {"mons", "month"},
                                                               {"days", "day"},
                                                               {"d", "day"},
                                                               {"hours", "hour"},
                                                               {"h", "hour"},
                                                               {"hr", "hour"},
                                                               {"minutes", "minute"},
                                                               {"min", "minute"},
                                                               {"m", "minute"},
                                                               {"mins", "minute"},
                                                               {"seconds", "second"},
                                                               {"sec", "second"},
                                                               {"s", "second"},
                                                               {"secs", "second"},
                                                               {"milliseconds", "milliseconds"},
                                                               {"millisecond", "milliseconds"},
                                                               {"ms", "milliseconds"},
                                                               {"microsecond", "microseconds"},
                                                               {"us", "microseconds"},
                                                               {"weeks", "week"},
                                                               {"w", "week"},
                                                               {"qtr", "quarter"},
                                                               {"quarters", "quarter"},
                                                               {"decades", "decade"},
                                                               {"centuries", "century"},
                                                               {"millennia", "millennium"},
                                                               {"millenniums", "millennium"}};
  for (const auto& [from, to] : spellings)
    if (name == from) return to;
  return name;
}

[[noreturn]] void unknown(std::string_view field, const char* type) {
  throw evaluation_error("22023",
                         "unit \"" + lower_ascii(field) + "\" not recognized for type " + type);
}
[[noreturn]] void unsupported(std::string_view field, const char* type) {
  throw evaluation_error("0A000",
                         "unit \"" + lower_ascii(field) + "\" not supported for type " + type);
}

numeric scaled(wide digits, int scale) {
  const bool negative = digits < 0;
  auto rest = negative ? -static_cast<unsigned_wide>(digits) : static_cast<unsigned_wide>(digits);
  mpz_class high(static_cast<unsigned long>(rest >> 64)), low(static_cast<unsigned long>(rest));
  mpz_class whole = (high << 64) + low;
  return {negative ? mpz_class(-whole) : whole, scale};
}

int weekday(std::int64_t days) {
  return static_cast<int>(((days + 6) % 7 + 7) % 7);
} // 2000-01-01 was a Saturday

/// Monday of the first ISO week of a year.
std::int64_t iso_year_begin(std::int64_t year) {
  const auto fourth = days_from_civil({year, 1, 4});
  return fourth - (weekday(fourth) + 6) % 7;
}

std::pair<std::int64_t, int> iso_week(std::int64_t days, std::int64_t year) {
  auto of = year + 1;
  while (iso_year_begin(of) > days) --of;
  return {of, static_cast<int>((days - iso_year_begin(of)) / 7 + 1)};
}

/// Year 0 is 1 BC, which PostgreSQL shows as -1.
std::int64_t shown_year(std::int64_t year) { return year > 0 ? year : year - 1; }

std::optional<numeric> calendar_field(const std::string& field, std::int64_t days) {
  const auto c = civil_from_days(days);
  const auto whole = [](std::int64_t n) { return numeric::of(n); };
  if (field == "year") return whole(shown_year(c.year));
  if (field == "month") return whole(c.month);
  if (field == "day") return whole(c.day);
  if (field == "quarter") return whole((c.month - 1) / 3 + 1);
  if (field == "week") return whole(iso_week(days, c.year).second);
  if (field == "isoyear") return whole(shown_year(iso_week(days, c.year).first));
  if (field == "dow") return whole(weekday(days));
  if (field == "isodow") return whole(weekday(days) == 0 ? 7 : weekday(days));
  if (field == "doy") return whole(days - days_from_civil({c.year, 1, 1}) + 1);
  if (field == "decade") return whole(c.year >= 0 ? c.year / 10 : -((8 - (c.year - 1)) / 10));
  if (field == "century")
    return whole(c.year > 0 ? (c.year + 99) / 100 : -((99 - (c.year - 1)) / 100));
  if (field == "millennium")
    return whole(c.year > 0 ? (c.year + 999) / 1000 : -((999 - (c.year - 1)) / 1000));
  return std::nullopt;
}

/// Of an infinite moment: infinity for what only grows, NULL for the rest.
void give_infinite(datum& out, const std::string& field, bool positive) {
  for (const char* grows :
       {"year", "decade", "century", "millennium", "isoyear", "epoch", "julian"})
    if (field == grows)
      return out.set(
          numeric::special(positive ? numeric::kind::infinity : numeric::kind::minus_infinity));
  out.set_null();
}

bool is_clock(const std::string& f) {
  return f == "hour" || f == "minute" || f == "second" || f == "milliseconds"
         || f == "microseconds";
}
bool is_calendar(const std::string& f) {
  for (const char* known : {"year", "month", "day", "quarter", "week", "isoyear", "dow", "isodow",
                            "doy", "decade", "century", "millennium", "epoch"})
    if (f == known) return true;
  return false;
}

numeric clock_field(const std::string& field, std::int64_t clock) {
  const auto in_minute = clock % (60 * second);
  if (field == "hour") return numeric::of(clock / (3600 * second));
  if (field == "minute") return numeric::of(clock / (60 * second) % 60);
  if (field == "second") return scaled(in_minute, 6);
  if (field == "milliseconds") return scaled(in_minute, 3);
  return numeric::of(in_minute);
}

/// Seconds and milliseconds as double precision.
bool give_clock_part(datum& out, const std::string& field, std::int64_t clock) {
  const auto in_minute = clock % (60 * second);
  const auto whole = static_cast<double>(in_minute / second);
  const auto fraction = static_cast<double>(in_minute % second);
  if (field == "second")
    out.set_real(whole + fraction / 1e6);
  else if (field == "milliseconds")
    out.set_real(whole * 1000.0 + fraction / 1000.0);
  else
    return false;
  return true;
}

void make_real(datum& out) {
  if (!out.null) out.set_real(out.number.to_double());
}

} // namespace

std::pair<std::int64_t, int> iso_week_of(std::int64_t days) {
  return iso_week(days, civil_from_days(days).year);
}

void give_time_field(datum& out, std::string_view given, std::int64_t clock) {
  const auto field = singular(given);
  if (field == "epoch") return out.set(scaled(clock, 6));
  if (is_clock(field)) return out.set(clock_field(field, clock));
  if (is_calendar(field) || field.starts_with("timezone"))
    unsupported(given, "time without time zone");
  unknown(given, "time without time zone");
}

void give_time_part(datum& out, std::string_view given, std::int64_t clock) {
  const auto field = singular(given);
  if (give_clock_part(out, field, clock)) return;
  if (field == "epoch") return out.set_real(static_cast<double>(clock) / 1e6);
  give_time_field(out, given, clock);
  make_real(out);
}

void give_timestamp_part(datum& out, std::string_view given, std::int64_t t, bool zoned) {
  const auto field = singular(given);
  if (is_finite_timestamp(t)) {
    const auto clock = t - floor_div(t, microseconds_of_day) * microseconds_of_day;
    if (give_clock_part(out, field, clock)) return;
    constexpr auto epoch = unix_epoch_days * microseconds_of_day;
    if (field == "epoch")
      return out.set_real(t < after_all + epoch
                              ? static_cast<double>(t - epoch) / 1e6
                              : (static_cast<double>(t) - static_cast<double>(epoch)) / 1e6);
  }
  give_timestamp_field(out, given, t, zoned);
  make_real(out);
}

void give_interval_part(datum& out, std::string_view given, const interval_value& v) {
  const auto field = singular(given);
  if (give_clock_part(out, field, v.microseconds)) return;
  if (field == "epoch") {
    constexpr double day = 86400;
    return out.set_real(static_cast<double>(v.microseconds) / 1e6 + 365.25 * day * (v.months / 12)
                        + 30.0 * day * (v.months % 12) + day * v.days);
  }
  give_interval_field(out, given, v);
  make_real(out);
}

void give_date_field(datum& out, std::string_view given, std::int64_t days) {
  const auto field = singular(given);
  if (is_clock(field) || field.starts_with("timezone")) unsupported(given, "date");
  if (!is_calendar(field)) unknown(given, "date");
  if (!is_finite_date(days)) return give_infinite(out, field, days > 0);
  if (field == "epoch") return out.set(numeric::of((days - unix_epoch_days) * 86400));
  out.set(*calendar_field(field, days));
}

void give_timestamp_field(datum& out, std::string_view given, std::int64_t t, bool zoned) {
  const auto field = singular(given);
  const char* type = zoned ? "timestamp with time zone" : "timestamp without time zone";
  const bool zone = field == "timezone" || field == "timezone_hour" || field == "timezone_minute";
  if (zone && !zoned) unsupported(given, type);
  if (!is_clock(field) && !is_calendar(field) && !zone) unknown(given, type);
  if (!is_finite_timestamp(t)) return give_infinite(out, field, t > 0);
  if (zone) return out.set(numeric::of(std::int64_t{0}));
  if (field == "epoch")
    return out.set(scaled(static_cast<wide>(t) - unix_epoch_days * microseconds_of_day, 6));
  const auto days = floor_div(t, microseconds_of_day);
  if (is_clock(field)) return out.set(clock_field(field, t - days * microseconds_of_day));
  out.set(*calendar_field(field, days));
}

void give_interval_field(datum& out, std::string_view given, const interval_value& v) {
  const auto field = singular(given);
  if (is_clock(field)) return out.set(clock_field(field, v.microseconds));
  const std::int64_t years = v.months / 12;
  const auto whole = [&](std::int64_t n) { out.set(numeric::of(n)); };
  if (field == "year") return whole(years);
  if (field == "month") return whole(v.months % 12);
  if (field == "day") return whole(v.days);
  if (field == "quarter") return whole(v.months % 12 / 3 + 1);
  if (field == "decade") return whole(years / 10);
  if (field == "century") return whole(years / 100);
  if (field == "millennium") return whole(years / 1000);
  if (field == "epoch") {
    // A year counts 365.25 days, a month 30.
    const wide quarters_of_day = static_cast<wide>(years) * 1461
                                 + static_cast<wide>(v.months % 12) * 120
                                 + static_cast<wide>(v.days) * 4;
    return out.set(scaled(quarters_of_day * (microseconds_of_day / 4) + v.microseconds, 6));
  }
  if (is_calendar(field) || field.starts_with("timezone")) unsupported(given, "interval");
  unknown(given, "interval");
}

std::int64_t truncated_timestamp(std::string_view given, std::int64_t t, bool zoned) {
  const auto field = singular(given);
  const char* type = zoned ? "timestamp with time zone" : "timestamp without time zone";
  if (!is_finite_timestamp(t)) return t;
  const auto days = floor_div(t, microseconds_of_day);
  auto c = civil_from_days(days);
  const auto begin_of = [&](std::int64_t year, int month) {
    return days_from_civil({year, month, 1}) * microseconds_of_day;
  };
  std::int64_t out = 0;
  if (field == "microseconds")
    out = t;
  else if (field == "milliseconds")
    out = floor_div(t, 1000) * 1000;
  else if (field == "second")
    out = floor_div(t, second) * second;
  else if (field == "minute")
    out = floor_div(t, 60 * second) * 60 * second;
  else if (field == "hour")
    out = floor_div(t, 3600 * second) * 3600 * second;
  else if (field == "day")
    out = days * microseconds_of_day;
  else if (field == "week")
    out = (days - (weekday(days) + 6) % 7) * microseconds_of_day;
  else if (field == "month")
    out = begin_of(c.year, c.month);
  else if (field == "quarter")
    out = begin_of(c.year, (c.month - 1) / 3 * 3 + 1);
  else if (field == "year")
    out = begin_of(c.year, 1);
  else if (field == "decade")
    out = begin_of(c.year > 0 ? c.year / 10 * 10 : -((8 - (c.year - 1)) / 10) * 10, 1);
  else if (field == "century")
    out = begin_of(
        c.year > 0 ? (c.year + 99) / 100 * 100 - 99 : -((99 - (c.year - 1)) / 100) * 100 + 1, 1);
  else if (field == "millennium")
    out = begin_of(c.year > 0 ? (c.year + 999) / 1000 * 1000 - 999
                              : -((999 - (c.year - 1)) / 1000) * 1000 + 1,
                   1);
  else if (is_calendar(field))
    unsupported(given, type);
  else
    unknown(given, type);
  return in_range(out);
}

} // namespace leat::sql
