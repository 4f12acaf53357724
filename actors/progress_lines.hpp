#pragma once

#include <cstdint>
#include <string>

#include "actors/status_board.hpp"

namespace leat {

/// A status as lines for people: tables whose snapshot is under way, then a line for each sink with
/// its lag, then the last trouble. `now` as commit_time_now().
std::string progress_lines(const pipeline_status&, std::int64_t now);

/// What `leat status` prints: the pipeline as a whole, then the same for every table.
std::string status_lines(const pipeline_status&, std::int64_t now);

} // namespace leat
