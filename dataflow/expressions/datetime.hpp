#pragma once

#include <cstdint>
#include <limits>
#include <string>
#include <string_view>

namespace leat::sql {

// Dates are days, times of day microseconds (24:00:00 is one), timestamps microseconds since
// 2000-01-01 (UTC), as PostgreSQL keeps them. The text is that of DateStyle ISO, IntervalStyle
// postgres and TimeZone UTC. Errors are evaluation_error.

/// Wide enough for what a sum or a product may reach before it is checked.
__extension__ typedef __int128 wide;
__extension__ typedef unsigned __int128 unsigned_wide;

inline constexpr std::int64_t microseconds_of_day = 86'400'000'000;
inline constexpr std::int32_t date_before_all = std::numeric_limits<std::int32_t>::min();
inline constexpr std::int32_t date_after_all = std::numeric_limits<std::int32_t>::max();
inline constexpr std::int64_t before_all = std::numeric_limits<std::int64_t>::min();
inline constexpr std::int64_t after_all = std::numeric_limits<std::int64_t>::max();

inline bool is_finite_date(std::int64_t d) { return d != date_before_all && d != date_after_all; }
inline bool is_finite_timestamp(std::int64_t t) { return t != before_all && t != after_all; }

struct interval_value {
  std::int64_t microseconds = 0;
  std::int32_t days = 0;
  std::int32_t months = 0;
  bool operator==(const interval_value&) const = default;
};

struct civil_date {
  std::int64_t year = 0; ///< 0 is 1 BC
  int month = 1;
  int day = 1;
};
std::int64_t days_from_civil(civil_date); ///< since 2000-01-01
civil_date civil_from_days(std::int64_t);
int days_in_month(std::int64_t year, int month);

/// Absolute dates of the form 2024-05-01, times with or without a zone as an offset. What depends
/// on the day of reading ('now', 'today') and other spellings are refused.
std::int32_t parse_date(std::string_view);
/// 12:34:56.789; without a zone.
std::int64_t parse_time(std::string_view);
std::int64_t parse_timestamp(std::string_view, bool zoned);
interval_value parse_interval(std::string_view);

void print_date(std::string& out, std::int64_t days);
void print_time(std::string& out, std::int64_t clock);
void print_timestamp(std::string& out, std::int64_t t, bool zoned);
void print_interval(std::string& out, const interval_value&);

/// The timestamp; throws evaluation_error when PostgreSQL has none that early or late.
std::int64_t in_range(std::int64_t timestamp);
std::int64_t timestamp_of_date(std::int64_t days);
std::int32_t date_of_timestamp(std::int64_t);
std::int64_t add_interval(std::int64_t timestamp, const interval_value&);
interval_value negated(const interval_value&);
interval_value sum(const interval_value&, const interval_value&);
interval_value multiplied(const interval_value&, double factor);
interval_value divided(const interval_value&, double by);
/// timestamp - timestamp: days and time.
interval_value difference(std::int64_t, std::int64_t);
/// Orders intervals as PostgreSQL does: a month is 30 days, a day 24 hours.
int compare(const interval_value&, const interval_value&);
/// time + interval goes round the clock.
std::int64_t add_to_clock(std::int64_t clock, wide microseconds);
/// timestamp(p), time(p).
std::int64_t rounded_timestamp(std::int64_t, int precision);

} // namespace leat::sql
