#pragma once

#include <string_view>

#include "dataflow/expressions/datum.hpp"

namespace leat::sql {

// extract() and date_trunc(). Field names in any case; throws evaluation_error for an unknown one.

void give_date_field(datum& out, std::string_view field, std::int64_t days);
void give_timestamp_field(datum& out, std::string_view field, std::int64_t t, bool zoned);
void give_interval_field(datum& out, std::string_view field, const interval_value&);
std::int64_t truncated_timestamp(std::string_view field, std::int64_t t, bool zoned);

} // namespace leat::sql
