#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace leat::sql {

/// A time zone of the system's tzdata: offsets east of Greenwich, in seconds, over seconds since
/// 1970. The file is TZif (RFC 8536), which PostgreSQL on Debian reads as well, so both know the
/// same rules. Beyond the file's last transition its POSIX rule holds.
class time_zone {
 public:
  struct transition {
    std::int64_t at = 0;
    std::int32_t before = 0;
    std::int32_t after = 0;
  };

  /// Throws evaluation_error when the bytes are no TZif.
  explicit time_zone(std::string_view bytes);

  std::int32_t offset_at(std::int64_t utc) const;
  /// Of a reading of the clock on the wall, as PostgreSQL takes it: one that the clock skips is
  /// read with the offset from before, one that comes twice with that from after.
  std::int32_t offset_of_local(std::int64_t local) const;

 private:
  struct rule_day {
    char kind = 'M'; ///< M: month, week, weekday; J: 1 to 365 without 29 February; 0: 0 to 365
    int month = 0;
    int week = 0;
    int day = 0;
    std::int32_t time = 7200; ///< seconds after midnight, by the clock before the change
  };
  friend class tz_rule_reader;

  void read_rule(std::string_view text);
  std::optional<transition> next_after(std::int64_t utc) const;
  std::vector<transition> ruled(std::int64_t year) const;
  static std::int64_t day_of(const rule_day&, std::int64_t year);

  std::vector<transition> transitions_;
  std::int32_t first_ = 0;    ///< before all transitions
  std::int32_t standard_ = 0; ///< of the rule
  std::int32_t summer_ = 0;
  bool ruled_ = false;
  bool has_summer_ = false;
  rule_day to_summer_;
  rule_day to_standard_;
};

/// The zone of that name ("Europe/Berlin", in any case); read once a process. Throws
/// evaluation_error: unknown, or an abbreviation, which PostgreSQL takes for a fixed offset that
/// depends on its settings.
const time_zone& find_time_zone(std::string_view name);

/// UTC by one of its names.
bool is_utc(std::string_view name);

} // namespace leat::sql
