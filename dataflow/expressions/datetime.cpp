#include "dataflow/expressions/datetime.hpp"

#include <array>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <optional>

#include "dataflow/expressions/evaluation_error.hpp"

namespace leat::sql {

namespace {

constexpr std::int64_t second = 1'000'000;
constexpr std::int64_t hour = 3600 * second;
// timestamp.h: 4714-11-24 BC, and the first day that is out of range.
constexpr std::int64_t least_timestamp = -211'813'488'000'000'000;
constexpr std::int64_t end_timestamp = 9'223'371'331'200'000'000;
constexpr std::int64_t least_day = -2'451'545;

std::int64_t floor_div(std::int64_t a, std::int64_t b) {
  return a / b - (a % b != 0 && (a < 0) != (b < 0) ? 1 : 0);
}

void print_fraction(std::string& out, std::int64_t microseconds) {
  if (microseconds == 0) return;
  char buffer[16];
  std::snprintf(buffer, sizeof buffer, ".%06d", static_cast<int>(microseconds));
  std::string_view text(buffer);
  while (text.back() == '0') text.remove_suffix(1);
  out += text;
}

void print_civil(std::string& out, const civil_date& c) {
  char buffer[48];
  const long long year = c.year > 0 ? c.year : 1 - c.year;
  std::snprintf(buffer, sizeof buffer, "%04lld-%02d-%02d", year, c.month, c.day);
  out += buffer;
}

void print_clock(std::string& out, std::int64_t t) {
  char buffer[48];
  std::snprintf(buffer, sizeof buffer, "%02lld:%02lld:%02lld", static_cast<long long>(t / hour),
                static_cast<long long>(t / (60 * second) % 60),
                static_cast<long long>(t / second % 60));
  out += buffer;
  print_fraction(out, t % second);
}

} // namespace

std::int64_t in_range(std::int64_t t) {
  if (t < least_timestamp || t >= end_timestamp)
    throw evaluation_error("22008", "timestamp out of range");
  return t;
}

std::int64_t days_from_civil(civil_date c) {
  std::int64_t y = c.year - (c.month <= 2 ? 1 : 0);
  const std::int64_t era = floor_div(y, 400);
  const std::int64_t yoe = y - era * 400;
  const std::int64_t doy = (153 * (c.month + (c.month > 2 ? -3 : 9)) + 2) / 5 + c.day - 1;
  const std::int64_t doe = yoe * 365 + yoe / 4 - yoe / 100 + doy;
  return era * 146097 + doe - 719468 - 10957;
}

civil_date civil_from_days(std::int64_t days) {
  const std::int64_t z = days + 719468 + 10957;
  const std::int64_t era = floor_div(z, 146097);
  const std::int64_t doe = z - era * 146097;
  const std::int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
  const std::int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
  const std::int64_t mp = (5 * doy + 2) / 153;
  const int day = static_cast<int>(doy - (153 * mp + 2) / 5 + 1);
  const int month = static_cast<int>(mp < 10 ? mp + 3 : mp - 9);
  return {yoe + era * 400 + (month <= 2 ? 1 : 0), month, day};
}

int days_in_month(std::int64_t year, int month) {
  constexpr std::array<int, 12> days{31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  const bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
  return month == 2 && leap ? 29 : days[static_cast<std::size_t>(month - 1)];
}

void print_date(std::string& out, std::int64_t days) {
  if (days == date_after_all) return void(out += "infinity");
  if (days == date_before_all) return void(out += "-infinity");
  const auto c = civil_from_days(days);
  print_civil(out, c);
  if (c.year <= 0) out += " BC";
}

void print_time(std::string& out, std::int64_t clock) { print_clock(out, clock); }

void print_timestamp(std::string& out, std::int64_t t, bool zoned) {
  if (t == after_all) return void(out += "infinity");
  if (t == before_all) return void(out += "-infinity");
  const auto days = floor_div(t, microseconds_of_day);
  const auto c = civil_from_days(days);
  print_civil(out, c);
  out += ' ';
  print_clock(out, t - days * microseconds_of_day);
  if (zoned) out += "+00";
  if (c.year <= 0) out += " BC";
}

void print_interval(std::string& out, const interval_value& v) {
  const auto start = out.size();
  bool before_negative = false;
  const auto part = [&](std::int64_t n, const char* unit) {
    if (n == 0) return;
    if (out.size() > start) out += ' ';
    if (before_negative && n > 0) out += '+';
    out += std::to_string(n) + " " + unit + (n == 1 ? "" : "s");
    before_negative = n < 0;
  };
  part(v.months / 12, "year");
  part(v.months % 12, "mon");
  part(v.days, "day");
  if (v.microseconds == 0 && out.size() > start) return;
  if (out.size() > start) out += ' ';
  const bool minus = v.microseconds < 0;
  if (minus)
    out += '-';
  else if (before_negative)
    out += '+';
  // The least microseconds have no positive counterpart.
  const auto magnitude = minus ? 0 - static_cast<std::uint64_t>(v.microseconds)
                               : static_cast<std::uint64_t>(v.microseconds);
  char buffer[48];
  std::snprintf(buffer, sizeof buffer, "%02llu:%02llu:%02llu",
                static_cast<unsigned long long>(magnitude / hour),
                static_cast<unsigned long long>(magnitude / (60 * second) % 60),
                static_cast<unsigned long long>(magnitude / second % 60));
  out += buffer;
  print_fraction(out, static_cast<std::int64_t>(magnitude % second));
}

std::int64_t timestamp_of_date(std::int64_t days) {
  if (days == date_after_all) return after_all;
  if (days == date_before_all) return before_all;
  if (days >= end_timestamp / microseconds_of_day)
    throw evaluation_error("22008", "date out of range for timestamp");
  return days * microseconds_of_day;
}

std::int32_t date_of_timestamp(std::int64_t t) {
  if (t == after_all) return date_after_all;
  if (t == before_all) return date_before_all;
  return static_cast<std::int32_t>(floor_div(t, microseconds_of_day));
}

std::int64_t add_interval(std::int64_t t, const interval_value& v) {
  if (!is_finite_timestamp(t)) return t;
  if (v.months != 0) {
    const auto days = floor_div(t, microseconds_of_day);
    const auto rest = t - days * microseconds_of_day;
    auto c = civil_from_days(days);
    const std::int64_t months = c.year * 12 + c.month - 1 + v.months;
    c.year = floor_div(months, 12);
    c.month = static_cast<int>(months - c.year * 12) + 1;
    c.day = std::min(c.day, days_in_month(c.year, c.month));
    const auto moved = days_from_civil(c);
    if (moved < least_day || moved >= end_timestamp / microseconds_of_day)
      throw evaluation_error("22008", "timestamp out of range");
    t = in_range(moved * microseconds_of_day + rest);
  }
  std::int64_t out = 0;
  if (__builtin_mul_overflow(std::int64_t{v.days}, microseconds_of_day, &out)
      || __builtin_add_overflow(t, out, &out))
    throw evaluation_error("22008", "timestamp out of range");
  t = in_range(out);
  if (__builtin_add_overflow(t, v.microseconds, &out))
    throw evaluation_error("22008", "timestamp out of range");
  return in_range(out);
}

namespace {

[[noreturn]] void interval_range() { throw evaluation_error("22008", "interval out of range"); }

double time_rounded(double t) { return std::rint(t * 1e6) / 1e6; }

interval_value scaled(const interval_value& v, double months_f, double days_f, double time_f,
                      double (*apply)(double, double), double factor) {
  constexpr double seconds_of_day = 86400;
  const auto fits = [](double d) {
    return !std::isnan(d) && d <= 2147483647.0 && d >= -2147483648.0;
  };
  if (!fits(months_f) || !fits(days_f)) interval_range();
  interval_value out;
  out.months = static_cast<std::int32_t>(months_f);
  out.days = static_cast<std::int32_t>(days_f);
  double month_remainder_days = time_rounded((apply(v.months, factor) - out.months) * 30);
  double second_remainder = time_rounded((apply(v.days, factor) - out.days + month_remainder_days
                                          - static_cast<int>(month_remainder_days))
                                         * seconds_of_day);
  if (std::fabs(second_remainder) >= seconds_of_day) {
    out.days += static_cast<int>(second_remainder / seconds_of_day);
    second_remainder -= static_cast<int>(second_remainder / seconds_of_day) * seconds_of_day;
  }
  out.days += static_cast<int>(month_remainder_days);
  const double time = std::rint(time_f + second_remainder * 1e6);
  if (std::isnan(time) || time >= 9223372036854775807.0 || time < -9223372036854775808.0)
    interval_range();
  out.microseconds = static_cast<std::int64_t>(time);
  return out;
}

} // namespace

interval_value multiplied(const interval_value& v, double factor) {
  const auto times = [](double a, double b) { return a * b; };
  return scaled(v, v.months * factor, v.days * factor, static_cast<double>(v.microseconds) * factor,
                times, factor);
}

interval_value divided(const interval_value& v, double by) {
  if (by == 0) throw evaluation_error("22012", "division by zero");
  const auto over = [](double a, double b) { return a / b; };
  return scaled(v, v.months / by, v.days / by, static_cast<double>(v.microseconds) / by, over, by);
}

interval_value sum(const interval_value& a, const interval_value& b) {
  interval_value out;
  if (__builtin_add_overflow(a.months, b.months, &out.months)
      || __builtin_add_overflow(a.days, b.days, &out.days)
      || __builtin_add_overflow(a.microseconds, b.microseconds, &out.microseconds))
    interval_range();
  return out;
}

interval_value negated(const interval_value& v) {
  interval_value out;
  if (__builtin_sub_overflow(0, v.months, &out.months)
      || __builtin_sub_overflow(0, v.days, &out.days)
      || __builtin_sub_overflow(std::int64_t{0}, v.microseconds, &out.microseconds))
    interval_range();
  return out;
}

interval_value difference(std::int64_t a, std::int64_t b) {
  if (!is_finite_timestamp(a) || !is_finite_timestamp(b))
    throw evaluation_error("22008", "cannot subtract infinite timestamps");
  std::int64_t total = 0;
  if (__builtin_sub_overflow(a, b, &total)) interval_range();
  return {total % microseconds_of_day, static_cast<std::int32_t>(total / microseconds_of_day), 0};
}

int compare(const interval_value& a, const interval_value& b) {
  const auto span = [](const interval_value& v) {
    return static_cast<wide>(v.microseconds)
           + (static_cast<wide>(v.months) * 30 + v.days) * microseconds_of_day;
  };
  const auto x = span(a), y = span(b);
  return x < y ? -1 : x > y ? 1 : 0;
}

std::int64_t add_to_clock(std::int64_t clock, wide microseconds) {
  const auto out = static_cast<std::int64_t>((clock + microseconds) % microseconds_of_day);
  return out < 0 ? out + microseconds_of_day : out;
}

std::int64_t rounded_timestamp(std::int64_t t, int precision) {
  if (!is_finite_timestamp(t) || precision >= 6) return t;
  std::int64_t unit = 1;
  for (int i = precision; i < 6; ++i) unit *= 10;
  const std::int64_t half = unit / 2;
  return t >= 0 ? (t + half) / unit * unit : -((-t + half) / unit * unit);
}

} // namespace leat::sql
