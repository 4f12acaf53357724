#include <algorithm>
#include <cctype>
#include <optional>

#include "dataflow/expressions/datetime.hpp"
#include "dataflow/expressions/evaluation_error.hpp"
#include "dataflow/expressions/text_format.hpp"

namespace leat::sql {

namespace {

constexpr std::int64_t second = 1'000'000;

/// Reads a text from its front; every reader says whether it took something.
class scanner {
 public:
  explicit scanner(std::string_view text) : rest_(trimmed_spaces(text)) {}

  bool done() const { return rest_.empty(); }
  char peek() const { return rest_.empty() ? '\0' : rest_.front(); }
  bool take(char c) {
    if (peek() != c) return false;
    rest_.remove_prefix(1);
    return true;
  }
  void spaces() {
    while (take(' ')) {
    }
  }
  /// A run of digits and how many there were.
  std::optional<std::int64_t> number(std::size_t& digits) {
    digits = 0;
    std::int64_t n = 0;
    while (!rest_.empty() && std::isdigit(static_cast<unsigned char>(rest_.front())) != 0) {
      if (++digits > 18) return std::nullopt;
      n = n * 10 + (rest_.front() - '0');
      rest_.remove_prefix(1);
    }
    if (digits == 0) return std::nullopt;
    return n;
  }
  std::optional<std::int64_t> number() {
    std::size_t digits = 0;
    return number(digits);
  }
  /// Digits after a point, in microseconds, rounded.
  std::int64_t fraction() {
    std::int64_t micro = 0;
    std::int64_t unit = second;
    bool more = false;
    for (; std::isdigit(static_cast<unsigned char>(peek())) != 0; rest_.remove_prefix(1)) {
      if (unit == 1) {
        if (!more && peek() >= '5') ++micro;
        more = true;
        continue;
      }
      unit /= 10;
      micro += (peek() - '0') * unit;
    }
    return micro;
  }
  std::string word() {
    std::size_t n = 0;
    while (n < rest_.size() && std::isalpha(static_cast<unsigned char>(rest_[n])) != 0) ++n;
    auto out = lower_ascii(rest_.substr(0, n));
    rest_.remove_prefix(n);
    return out;
  }

 private:
  std::string_view rest_;
};

struct parsed_time {
  civil_date day;
  std::int64_t clock = 0;
  std::int64_t offset = 0; ///< east of Greenwich
};

std::string quoted(std::string_view text) { return "\"" + std::string(text) + "\""; }

/// Not of any text that PostgreSQL refuses, too.
[[noreturn]] void bad_syntax(std::string_view text, const char* type) {
  throw evaluation_error("22007", std::string("invalid input syntax for type ") + type + ": "
                                      + quoted(text)
                                      + " (leat reads ISO forms only, and of zones UTC and "
                                        "offsets)");
}

[[noreturn]] void field_range(std::string_view text) {
  throw evaluation_error("22008", "date/time field value out of range: " + quoted(text));
}

bool read_clock(scanner& in, std::int64_t& clock) {
  const auto hours = in.number();
  if (!hours || !in.take(':')) return false;
  const auto minutes = in.number();
  if (!minutes) return false;
  std::int64_t seconds = 0, micro = 0;
  if (in.take(':')) {
    const auto s = in.number();
    if (!s) return false;
    seconds = *s;
    if (in.take('.')) micro = in.fraction();
  }
  if (*hours > 24 || *minutes > 59 || seconds > 60) throw evaluation_error("22008", "time");
  clock = ((*hours * 60 + *minutes) * 60 + seconds) * second + micro;
  if (clock > microseconds_of_day) throw evaluation_error("22008", "time");
  return true;
}

bool read_zone(scanner& in, std::int64_t& offset) {
  if (std::isalpha(static_cast<unsigned char>(in.peek())) != 0) {
    const auto name = in.word();
    return name == "z" || name == "utc" || name == "gmt";
  }
  const bool minus = in.peek() == '-';
  if (!in.take('+') && !in.take('-')) return true;
  std::size_t digits = 0;
  const auto n = in.number(digits);
  if (!n) return false;
  std::int64_t hours = *n, minutes = 0, seconds = 0;
  if (digits == 4) {
    minutes = *n % 100;
    hours = *n / 100;
  } else if (digits > 2) {
    return false;
  } else if (in.take(':')) {
    const auto m = in.number();
    if (!m) return false;
    minutes = *m;
    if (in.take(':')) {
      const auto s = in.number();
      if (!s) return false;
      seconds = *s;
    }
  }
  if (hours > 15 || minutes > 59 || seconds > 59)
    throw evaluation_error("22009", "time zone displacement out of range");
  offset = ((hours * 60 + minutes) * 60 + seconds) * second * (minus ? -1 : 1);
  return true;
}

parsed_time read_moment(std::string_view text, const char* type) {
  scanner in(text);
  parsed_time out;
  std::size_t digits = 0;
  const auto year = in.number(digits);
  if (!year || digits < 3 || digits > 7 || !in.take('-')) bad_syntax(text, type);
  const auto month = in.number();
  if (!month || !in.take('-')) bad_syntax(text, type);
  const auto day = in.number();
  if (!day) bad_syntax(text, type);
  out.day = {*year, static_cast<int>(std::min<std::int64_t>(*month, 99)),
             static_cast<int>(std::min<std::int64_t>(*day, 99))};
  const bool t = in.take('T') || in.take('t');
  in.spaces();
  try {
    if (std::isdigit(static_cast<unsigned char>(in.peek())) != 0) {
      if (!read_clock(in, out.clock)) bad_syntax(text, type);
      in.spaces();
      scanner before = in;
      const auto word = before.word();
      if (word != "bc" && word != "ad" && !read_zone(in, out.offset)) bad_syntax(text, type);
    } else if (t) {
      bad_syntax(text, type);
    }
  } catch (const evaluation_error& e) {
    if (e.sqlstate == "22008") field_range(text);
    throw;
  }
  in.spaces();
  if (!in.done()) {
    const auto era = in.word();
    if ((era != "bc" && era != "ad") || !in.done()) bad_syntax(text, type);
    if (*year == 0) field_range(text);
    if (era == "bc") out.day.year = 1 - *year;
  } else if (*year == 0) {
    field_range(text);
  }
  if (out.day.month < 1 || out.day.month > 12 || out.day.day < 1
      || out.day.day > days_in_month(out.day.year, out.day.month))
    field_range(text);
  return out;
}

std::optional<int> special(std::string_view text) {
  const auto word = lower_ascii(trimmed_spaces(text));
  if (word == "infinity" || word == "+infinity") return 1;
  if (word == "-infinity") return -1;
  if (word == "epoch") return 0;
  return std::nullopt;
}

struct unit {
  std::string_view name;
  int months = 0;
  int days = 0;
  std::int64_t microseconds = 0;
};

constexpr unit units[] = {
    {"microsecond", 0, 0, 1},
    {"us", 0, 0, 1},
    {"usec", 0, 0, 1},
    {"millisecond", 0, 0, 1000},
    {"ms", 0, 0, 1000},
    {"msec", 0, 0, 1000},
    {"second", 0, 0, second},
    {"sec", 0, 0, second},
    {"s", 0, 0, second},
    {"minute", 0, 0, 60 * second},
    {"min", 0, 0, 60 * second},
    {"m", 0, 0, 60 * second},
    {"hour", 0, 0, 3600 * second},
    {"hr", 0, 0, 3600 * second},
    {"h", 0, 0, 3600 * second},
    {"day", 0, 1, 0},
    {"d", 0, 1, 0},
    {"week", 0, 7, 0},
    {"w", 0, 7, 0},
    {"month", 1, 0, 0},
    {"mon", 1, 0, 0},
    {"year", 12, 0, 0},
    {"yr", 12, 0, 0},
    {"y", 12, 0, 0},
    {"decade", 120, 0, 0},
    {"century", 1200, 0, 0},
    {"centuries", 1200, 0, 0},
    {"millennium", 12000, 0, 0},
    {"millennia", 12000, 0, 0},
};

const unit* find_unit(std::string_view name) {
  const auto find = [](std::string_view n) -> const unit* {
    for (const auto& u : units)
      if (u.name == n) return &u;
    return nullptr;
  };
  if (const auto* u = find(name)) return u;
  return name.size() > 2 && name.ends_with("s") ? find(name.substr(0, name.size() - 1)) : nullptr;
}

/// `12:30[:05.5]` after its sign and hours.
bool read_interval_clock(scanner& in, std::int64_t hours, bool minus, interval_value& out) {
  const auto minutes = in.number();
  if (!minutes || *minutes > 59) return false;
  std::int64_t t = (hours * 60 + *minutes) * 60 * second;
  if (in.take(':')) {
    const auto s = in.number();
    if (!s || *s > 60) return false;
    t += *s * second;
    if (in.take('.')) t += in.fraction();
  }
  out.microseconds += minus ? -t : t;
  return true;
}

void add_part(interval_value& out, const unit& u, std::int64_t n, std::int64_t fraction) {
  const wide months = out.months + static_cast<wide>(n) * u.months;
  const wide days = out.days + static_cast<wide>(n) * u.days;
  wide micro = out.microseconds + static_cast<wide>(n) * u.microseconds;
  if (fraction != 0 && u.microseconds == 0)
    throw evaluation_error("0A000", "leat reads fractions of seconds, minutes and hours only");
  micro += static_cast<wide>(fraction) * u.microseconds / second;
  const auto fits = [](wide v, wide most) { return v <= most && v >= -most - 1; };
  if (!fits(months, INT32_MAX) || !fits(days, INT32_MAX) || !fits(micro, INT64_MAX))
    throw evaluation_error("22015", "interval field value out of range");
  out = {static_cast<std::int64_t>(micro), static_cast<std::int32_t>(days),
         static_cast<std::int32_t>(months)};
}

} // namespace

std::int32_t parse_date(std::string_view text) {
  if (const auto s = special(text))
    return *s > 0 ? date_after_all : *s < 0 ? date_before_all : -10957;
  const auto days = days_from_civil(read_moment(text, "date").day);
  if (days < -2'451'545 || days >= 2'145'031'949)
    throw evaluation_error("22008", "date out of range: " + quoted(text));
  return static_cast<std::int32_t>(days);
}

std::int64_t parse_time(std::string_view text) {
  constexpr const char* type = "time without time zone";
  scanner in(text);
  std::int64_t clock = 0;
  try {
    if (!read_clock(in, clock)) bad_syntax(text, type);
  } catch (const evaluation_error& e) {
    if (e.sqlstate == "22008") field_range(text);
    throw;
  }
  in.spaces();
  if (!in.done()) bad_syntax(text, type);
  return clock;
}

std::int64_t parse_timestamp(std::string_view text, bool zoned) {
  if (const auto s = special(text))
    return *s > 0 ? after_all : *s < 0 ? before_all : -10957 * microseconds_of_day;
  const auto m = read_moment(text, zoned ? "timestamp with time zone" : "timestamp");
  const wide t = static_cast<wide>(days_from_civil(m.day)) * microseconds_of_day + m.clock
                 - (zoned ? m.offset : 0);
  if (t < -211'813'488'000'000'000 || t >= 9'223'371'331'200'000'000)
    throw evaluation_error("22008", "timestamp out of range: " + quoted(text));
  return static_cast<std::int64_t>(t);
}

interval_value parse_interval(std::string_view text) {
  const auto bad = [&] { bad_syntax(text, "interval"); };
  scanner in(text);
  interval_value out;
  bool any = false;
  while (!in.done()) {
    const bool minus = in.peek() == '-';
    if (!in.take('-')) in.take('+');
    const auto n = in.number();
    if (!n) bad();
    if (in.take(':')) {
      if (!read_interval_clock(in, *n, minus, out)) bad();
    } else {
      const std::int64_t fraction = in.take('.') ? in.fraction() : 0;
      in.spaces();
      const auto name = in.word();
      const auto* u = name.empty() ? find_unit("second") : find_unit(name);
      if (u == nullptr) bad();
      add_part(out, *u, minus ? -*n : *n, minus ? -fraction : fraction);
    }
    any = true;
    in.spaces();
    scanner rest = in;
    if (rest.word() == "ago" && rest.done()) return negated(out);
  }
  if (!any) bad();
  return out;
}

} // namespace leat::sql
