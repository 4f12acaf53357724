#pragma once

#include "dataflow/pipeline_file.hpp"

namespace leat {

/// What no single option can know: sinks and routes that fit together, options that exclude each
/// other. Throws leat::error of kind usage with the place.
void check_pipeline_file(const pipeline_file&);

/// `FILE:LINE:COL`, or `FILE` when the place is unknown.
std::string place_text(const std::filesystem::path&, file_place);

/// "shop.toml:12:9, route.where": where the option stands, or the route, at `where`, without it.
std::string option_place(const route_options&, const std::string& where, std::string_view option);

} // namespace leat
