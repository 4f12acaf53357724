#pragma once

#include "dataflow/pipeline_file.hpp"

namespace leat {

/// What no single option can know: sinks and routes that fit together, options that exclude each
/// other. Throws leat::error of kind usage with the place.
void check_pipeline_file(const pipeline_file&);

/// `FILE:LINE:COL`, or `FILE` when the place is unknown.
std::string place_text(const std::filesystem::path&, file_place);

} // namespace leat
