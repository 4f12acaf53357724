#include "dataflow/expressions/to_char.hpp"

#include <array>
#include <cctype>
#include <string>

#include <fmt/format.h>

#include "dataflow/expressions/datetime.hpp"
#include "dataflow/expressions/evaluation_error.hpp"
#include "dataflow/expressions/time_fields.hpp"

namespace leat::sql {

namespace {

constexpr std::int64_t one_second = 1'000'000;
constexpr std::int64_t julian_of_2000 = 2'451'545;

enum class field : std::uint8_t {
  ad,
  ad_dots,
  am,
  am_dots,
  century,
  day_name,
  day_of_year,
  iso_day_of_year,
  day_of_month,
  day_short,
  weekday,
  fraction,
  nothing,
  hour24,
  hour12,
  iso_weekday,
  iso_week,
  iso_year,
  julian,
  minute,
  month,
  month_name,
  month_short,
  milliseconds,
  offset,
  quarter,
  roman,
  day_seconds,
  second,
  zone,
  zone_hour,
  zone_minute,
  microseconds,
  week,
  week_of_month,
  year_comma,
  year,
};

enum class letters : std::uint8_t { upper, first, lower };

struct keyword {
  std::string_view text;
  field what;
  int width = 0; ///< digits of a number or a year
  bool numeric = true;
};

/// In the order in which PostgreSQL tries them. All stand for their small letters too, but for
/// those with one capital.
constexpr keyword keywords[] = {
    {"A.D.", field::ad_dots, 0, false},
    {"A.M.", field::am_dots, 0, false},
    {"AD", field::ad, 0, false},
    {"AM", field::am, 0, false},
    {"B.C.", field::ad_dots, 0, false},
    {"BC", field::ad, 0, false},
    {"CC", field::century, 2},
    {"DAY", field::day_name, 9, false},
    {"DDD", field::day_of_year, 3},
    {"DD", field::day_of_month, 2},
    {"DY", field::day_short, 0, false},
    {"Day", field::day_name, 9, false},
    {"Dy", field::day_short, 0, false},
    {"D", field::weekday, 1},
    {"FF1", field::fraction, 1},
    {"FF2", field::fraction, 2},
    {"FF3", field::fraction, 3},
    {"FF4", field::fraction, 4},
    {"FF5", field::fraction, 5},
    {"FF6", field::fraction, 6},
    {"FX", field::nothing, 0, false},
    {"HH24", field::hour24, 2},
    {"HH12", field::hour12, 2},
    {"HH", field::hour12, 2},
    {"IDDD", field::iso_day_of_year, 3},
    {"ID", field::iso_weekday, 1},
    {"IW", field::iso_week, 2},
    {"IYYY", field::iso_year, 4},
    {"IYY", field::iso_year, 3},
    {"IY", field::iso_year, 2},
    {"I", field::iso_year, 1},
    {"J", field::julian, 0},
    {"MI", field::minute, 2},
    {"MM", field::month, 2},
    {"MONTH", field::month_name, 9, false},
    {"MON", field::month_short, 0, false},
    {"MS", field::milliseconds, 3},
    {"Month", field::month_name, 9, false},
    {"Mon", field::month_short, 0, false},
    {"OF", field::offset, 2, false},
    {"P.M.", field::am_dots, 0, false},
    {"PM", field::am, 0, false},
    {"Q", field::quarter, 1},
    {"RM", field::roman, 4, false},
    {"SSSSS", field::day_seconds, 0},
    {"SSSS", field::day_seconds, 0},
    {"SS", field::second, 2},
    {"TZH", field::zone_hour, 2, false},
    {"TZM", field::zone_minute, 2, false},
    {"TZ", field::zone, 0, false},
    {"US", field::microseconds, 6},
    {"WW", field::week, 2},
    {"W", field::week_of_month, 1},
    {"Y,YYY", field::year_comma, 0},
    {"YYYY", field::year, 4},
    {"YYY", field::year, 3},
    {"YY", field::year, 2},
    {"Y", field::year, 1},
};

constexpr std::array<const char*, 12> months{"January",   "February", "March",    "April",
                                             "May",       "June",     "July",     "August",
                                             "September", "October",  "November", "December"};
constexpr std::array<const char*, 7> days{"Sunday",   "Monday", "Tuesday", "Wednesday",
                                          "Thursday", "Friday", "Saturday"};
constexpr std::array<const char*, 12> romans{"I",   "II",   "III", "IV", "V",  "VI",
                                             "VII", "VIII", "IX",  "X",  "XI", "XII"};

/// Whether the pattern begins with the keyword, in capitals, in small letters, or as it stands.
bool begins_with(std::string_view pattern, const keyword& k, letters& how) {
  // Most keywords end here: bit 5 is the letter's case.
  if ((pattern.front() | 0x20) != (k.text.front() | 0x20)) return false;
  if (pattern.size() < k.text.size()) return false;
  const auto front = pattern.substr(0, k.text.size());
  const bool mixed = k.text.size() > 1 && std::islower(static_cast<unsigned char>(k.text[1])) != 0;
  how = mixed ? letters::first : letters::upper;
  if (front == k.text) return true;
  if (mixed) return false;
  how = letters::lower;
  for (std::size_t i = 0; i < front.size(); ++i)
    if (front[i] != std::tolower(static_cast<unsigned char>(k.text[i]))) return false;
  return true;
}

const keyword* keyword_at(std::string_view pattern, letters& how) {
  for (const auto& k : keywords)
    if (begins_with(pattern, k, how)) return &k;
  return nullptr;
}

std::string in_letters(std::string text, letters how) {
  if (how == letters::first) return text;
  for (auto& c : text) {
    const auto byte = static_cast<unsigned char>(c);
    c = static_cast<char>(how == letters::upper ? std::toupper(byte) : std::tolower(byte));
  }
  return text;
}

const char* ordinal(std::string_view number, bool upper) {
  const char last = number.size() > 1 && number[number.size() - 2] == '1' ? '0' : number.back();
  if (last == '1') return upper ? "ST" : "st";
  if (last == '2') return upper ? "ND" : "nd";
  if (last == '3') return upper ? "RD" : "rd";
  return upper ? "TH" : "th";
}

class pattern_printer {
 public:
  pattern_printer(std::int64_t t, bool zoned) : zoned_(zoned) {
    day_ =
        t >= 0 ? t / microseconds_of_day : -((-t + microseconds_of_day - 1) / microseconds_of_day);
    clock_ = t - day_ * microseconds_of_day;
    date_ = civil_from_days(day_);
    weekday_ = static_cast<int>(((day_ + 6) % 7 + 7) % 7); // 2000-01-01 was a Saturday
    const auto iso = iso_week_of(day_);
    iso_year_ = iso.first;
    iso_week_ = iso.second;
  }

  std::string text(const keyword& k, letters how, bool fill) const {
    switch (k.what) {
    case field::ad:
      return in_letters(date_.year <= 0 ? "BC" : "AD", how);
    case field::ad_dots:
      return in_letters(date_.year <= 0 ? "B.C." : "A.D.", how);
    case field::am:
      return in_letters(hour() >= 12 ? "PM" : "AM", how);
    case field::am_dots:
      return in_letters(hour() >= 12 ? "P.M." : "A.M.", how);
    case field::day_name:
      return padded(in_letters(days[static_cast<std::size_t>(weekday_)], how), 9, fill);
    case field::day_short:
      return in_letters(std::string(days[static_cast<std::size_t>(weekday_)]).substr(0, 3), how);
    case field::month_name:
      return padded(in_letters(month(), how), 9, fill);
    case field::month_short:
      return in_letters(month().substr(0, 3), how);
    case field::roman:
      return padded(in_letters(romans[static_cast<std::size_t>(date_.month - 1)], how), 4, fill);
    case field::zone:
      return zoned_ ? in_letters("UTC", how) : "";
    case field::zone_hour:
      return "+00";
    case field::zone_minute:
      return "00";
    case field::offset:
      return fill ? "+00" : "+0";
    case field::nothing:
      return "";
    case field::year_comma:
      return fmt::format("{},{:03}", shown_year(date_.year) / 1000, shown_year(date_.year) % 1000);
    case field::year:
      return year(date_.year, k.width, fill);
    case field::iso_year:
      return year(iso_year_, k.width, fill);
    // Of seconds every digit stands, whatever FM says.
    case field::milliseconds:
    case field::microseconds:
    case field::fraction:
      return number(number_of(k), k.width, true);
    default:
      return number(number_of(k), k.width, fill);
    }
  }

 private:
  static std::string number(std::int64_t n, int width, bool fill) {
    return fill ? fmt::format("{:0{}}", n, n < 0 ? width + 1 : width) : fmt::format("{}", n);
  }
  static std::string padded(std::string text, std::size_t width, bool fill) {
    if (fill && text.size() < width) text.append(width - text.size(), ' ');
    return text;
  }
  /// 1 BC is year 0 here.
  static std::int64_t shown_year(std::int64_t year) { return year <= 0 ? 1 - year : year; }
  static std::string year(std::int64_t year, int digits, bool fill) {
    std::int64_t unit = 1;
    for (int i = 0; i < digits; ++i) unit *= 10;
    const auto shown = shown_year(year);
    return number(digits == 4 ? shown : shown % unit, digits, fill);
  }

  std::int64_t hour() const { return clock_ / (3600 * one_second); }
  std::int64_t micro() const { return clock_ % one_second; }
  std::string month() const { return months[static_cast<std::size_t>(date_.month - 1)]; }
  std::int64_t day_of_year() const { return day_ - days_from_civil({date_.year, 1, 1}) + 1; }

  std::int64_t number_of(const keyword& k) const {
    switch (k.what) {
    case field::century:
      return date_.year > 0 ? (date_.year - 1) / 100 + 1 : date_.year / 100 - 1;
    case field::day_of_year:
      return day_of_year();
    case field::iso_day_of_year:
      return (iso_week_ - 1) * 7 + iso_weekday();
    case field::day_of_month:
      return date_.day;
    case field::weekday:
      return weekday_ + 1;
    case field::iso_weekday:
      return iso_weekday();
    case field::fraction: {
      auto out = micro();
      for (int i = k.width; i < 6; ++i) out /= 10;
      return out;
    }
    case field::hour24:
      return hour();
    case field::hour12:
      return hour() % 12 == 0 ? 12 : hour() % 12;
    case field::iso_week:
      return iso_week_;
    case field::julian:
      return day_ + julian_of_2000;
    case field::minute:
      return clock_ / (60 * one_second) % 60;
    case field::month:
      return date_.month;
    case field::milliseconds:
      return micro() / 1000;
    case field::quarter:
      return (date_.month - 1) / 3 + 1;
    case field::day_seconds:
      return clock_ / one_second;
    case field::second:
      return clock_ / one_second % 60;
    case field::microseconds:
      return micro();
    case field::week:
      return (day_of_year() - 1) / 7 + 1;
    default: // week_of_month
      return (date_.day - 1) / 7 + 1;
    }
  }
  int iso_weekday() const { return weekday_ == 0 ? 7 : weekday_; }

  bool zoned_;
  std::int64_t day_ = 0;
  std::int64_t clock_ = 0;
  civil_date date_;
  int weekday_ = 0;
  std::int64_t iso_year_ = 0;
  int iso_week_ = 0;
};

/// Takes a prefix or a suffix of two letters, both capitals or both small.
bool take(std::string_view& rest, std::string_view upper, std::string_view lower, bool& is_upper) {
  is_upper = rest.starts_with(upper);
  if (!is_upper && !rest.starts_with(lower)) return false;
  rest.remove_prefix(upper.size());
  return true;
}

/// `"quoted"`; a backslash in it stands for the character behind it.
void copy_quoted(std::string& out, std::string_view& rest) {
  rest.remove_prefix(1);
  while (!rest.empty()) {
    if (rest.front() == '"') return rest.remove_prefix(1);
    if (rest.front() == '\\' && rest.size() > 1) rest.remove_prefix(1);
    out += rest.front();
    rest.remove_prefix(1);
  }
}

} // namespace

void print_by_pattern(std::string& out, std::string_view pattern, std::int64_t timestamp,
                      bool zoned) {
  const pattern_printer values(timestamp, zoned);
  for (auto rest = pattern; !rest.empty();) {
    bool upper = false;
    bool fill = true;
    if (take(rest, "FM", "fm", upper))
      fill = false;
    else if (take(rest, "TM", "tm", upper))
      throw evaluation_error("0A000", "leat has no locale for TM in a pattern");
    letters how{};
    const keyword* found = nullptr;
    if (!rest.empty()) found = keyword_at(rest, how);
    if (found != nullptr) {
      rest.remove_prefix(found->text.size());
      const auto text = values.text(*found, how, fill);
      out += text;
      if (take(rest, "TH", "th", upper)) {
        if (found->numeric) out += ordinal(text, upper);
      } else if (rest.starts_with("SP")) {
        rest.remove_prefix(2);
      }
      continue;
    }
    if (rest.empty()) return;
    if (rest.front() == '"') {
      copy_quoted(out, rest);
      continue;
    }
    if (rest.starts_with("\\\"")) rest.remove_prefix(1);
    out += rest.front();
    rest.remove_prefix(1);
  }
}

} // namespace leat::sql
