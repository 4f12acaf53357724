#pragma once

#include <spdlog/logger.h>

#include <memory>

#include "dataflow/pipeline_file.hpp"

namespace leat::cli {

/// The log of `run`, on stderr, with the level and format of [log]: a line an event, as text or as
/// a JSON object with `time`, `level` and `message`.
std::shared_ptr<spdlog::logger> make_run_log(const pipeline_file&);

} // namespace leat::cli
