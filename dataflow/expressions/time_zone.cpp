#include "dataflow/expressions/time_zone.hpp"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <memory>
#include <mutex>

#include "dataflow/expressions/datetime.hpp"
#include "dataflow/expressions/evaluation_error.hpp"
#include "dataflow/expressions/text_format.hpp"

namespace leat::sql {

namespace {

constexpr std::int64_t day_seconds = 86400;
/// Days from 1970-01-01 to 2000-01-01, where datetime.hpp counts from.
constexpr std::int64_t days_to_2000 = 10957;

std::int64_t floor_div(std::int64_t a, std::int64_t b) {
  return a / b - (a % b != 0 && (a < 0) != (b < 0) ? 1 : 0);
}

[[noreturn]] void unknown(std::string_view name) {
  throw evaluation_error("22023", "time zone \"" + std::string(name) + "\" not recognized");
}

bool is_plain(std::string_view name) {
  return !name.empty() && name.front() != '/' && name.find("..") == name.npos
         && std::all_of(name.begin(), name.end(), [](char c) {
              return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9')
                     || c == '/' || c == '_' || c == '-' || c == '+';
            });
}

/// The file below `directory` whose name is that, in any case.
std::filesystem::path file_of(std::filesystem::path directory, std::string_view name) {
  for (std::string_view rest = name; !rest.empty();) {
    const auto slash = std::min(rest.find('/'), rest.size());
    const auto part = lower_ascii(rest.substr(0, slash));
    rest.remove_prefix(std::min(slash + 1, rest.size()));
    std::error_code wrong;
    std::filesystem::path found;
    for (const auto& entry : std::filesystem::directory_iterator(directory, wrong))
      if (lower_ascii(entry.path().filename().string()) == part) found = entry.path();
    if (found.empty()) unknown(name);
    directory = found;
  }
  return directory;
}

std::unique_ptr<const time_zone> load(std::string_view name) {
  if (!is_plain(name)) unknown(name);
  // A name without a place is an abbreviation at PostgreSQL, as its settings have it; right/ counts
  // leap seconds.
  const auto lower = lower_ascii(name);
  if (name.find('/') == name.npos || lower.starts_with("right/") || lower.starts_with("posix/"))
    throw evaluation_error(
        "0A000", "leat takes time zones by the name of a place, like Europe/Berlin, not \""
                     + std::string(name) + "\"");
  std::ifstream file(file_of("/usr/share/zoneinfo", name), std::ios::binary);
  const std::string bytes{std::istreambuf_iterator<char>(file), {}};
  if (!file.is_open() || bytes.empty()) unknown(name);
  return std::make_unique<const time_zone>(bytes);
}

} // namespace

bool is_utc(std::string_view name) {
  const auto zone = lower_ascii(name);
  return zone == "utc" || zone == "gmt" || zone == "z" || zone == "etc/utc" || zone == "utc+0"
         || zone == "zulu";
}

const time_zone& find_time_zone(std::string_view name) {
  // Most expressions name one zone: it is found without the lock.
  thread_local std::string last_name;
  thread_local const time_zone* last = nullptr;
  if (last != nullptr && last_name == name) return *last;
  static std::mutex guard;
  static std::map<std::string, std::unique_ptr<const time_zone>, std::less<>> zones;
  const std::lock_guard lock(guard);
  auto found = zones.find(name);
  if (found == zones.end()) found = zones.emplace(std::string(name), load(name)).first;
  last_name = name;
  last = found->second.get();
  return *last;
}

std::int64_t time_zone::day_of(const rule_day& r, std::int64_t year) {
  const auto january = days_from_civil({year, 1, 1}) + days_to_2000;
  const bool leap = days_in_month(year, 2) == 29;
  if (r.kind == '0') return january + r.day;
  if (r.kind == 'J') return january + r.day - 1 + (leap && r.day >= 60 ? 1 : 0);
  const auto first = days_from_civil({year, r.month, 1}) + days_to_2000;
  const int first_weekday =
      static_cast<int>(((first + 4) % 7 + 7) % 7); // 1970-01-01 was a Thursday
  int day = (r.day - first_weekday + 7) % 7 + (r.week - 1) * 7;
  while (day >= days_in_month(year, r.month)) day -= 7;
  return first + day;
}

/// The changes of a year by the rule, in order.
std::vector<time_zone::transition> time_zone::ruled(std::int64_t year) const {
  if (!has_summer_) return {};
  std::vector<transition> out{
      {day_of(to_summer_, year) * day_seconds + to_summer_.time - standard_, standard_, summer_},
      {day_of(to_standard_, year) * day_seconds + to_standard_.time - summer_, summer_, standard_}};
  if (out[1].at < out[0].at) std::swap(out[0], out[1]);
  return out;
}

std::optional<time_zone::transition> time_zone::next_after(std::int64_t utc) const {
  const auto listed =
      std::upper_bound(transitions_.begin(), transitions_.end(), utc,
                       [](std::int64_t t, const transition& x) { return t < x.at; });
  if (listed != transitions_.end()) return *listed;
  const auto from = transitions_.empty() ? utc : std::max(utc, transitions_.back().at);
  const auto year = civil_from_days(floor_div(from, day_seconds) - days_to_2000).year;
  for (auto y = year - 1; y <= year + 1; ++y)
    for (const auto& t : ruled(y))
      if (t.at > from) return t;
  return std::nullopt;
}

std::int32_t time_zone::offset_at(std::int64_t utc) const {
  if (const auto next = next_after(utc)) return next->before;
  if (ruled_) return standard_;
  return transitions_.empty() ? first_ : transitions_.back().after;
}

std::int32_t time_zone::offset_of_local(std::int64_t local) const {
  // DetermineTimeZoneOffset() of PostgreSQL: the first change after the day before decides.
  const auto next = next_after(local - day_seconds);
  if (!next) return offset_at(local - day_seconds);
  const auto by_before = local - next->before;
  const auto by_after = local - next->after;
  if (by_before < next->at && by_after < next->at) return next->before;
  if (by_before > next->at && by_after >= next->at) return next->after;
  return by_before > by_after ? next->before : next->after;
}

} // namespace leat::sql
