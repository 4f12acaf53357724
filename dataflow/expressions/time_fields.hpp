#pragma once

#include <cstdint>
#include <string_view>
#include <utility>

#include "dataflow/expressions/datum.hpp"

namespace leat::sql {

// extract() and date_trunc(). Field names in any case; throws evaluation_error for an unknown one.

void give_date_field(datum& out, std::string_view field, std::int64_t days);
void give_timestamp_field(datum& out, std::string_view field, std::int64_t t, bool zoned);
void give_interval_field(datum& out, std::string_view field, const interval_value&);
/// date_part(): the same as double precision, by PostgreSQL's way of computing it.
void give_timestamp_part(datum& out, std::string_view field, std::int64_t t, bool zoned);
void give_interval_part(datum& out, std::string_view field, const interval_value&);
/// Of a time of day, in microseconds.
void give_time_field(datum& out, std::string_view field, std::int64_t clock);
void give_time_part(datum& out, std::string_view field, std::int64_t clock);

/// Year and week of ISO 8601.
std::pair<std::int64_t, int> iso_week_of(std::int64_t days);
std::int64_t truncated_timestamp(std::string_view field, std::int64_t t, bool zoned);

} // namespace leat::sql
