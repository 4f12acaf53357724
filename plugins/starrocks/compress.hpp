#pragma once

#include <string>
#include <string_view>

#include "dataflow/starrocks_options.hpp"
#include "plugins/starrocks/load_api.hpp"

namespace leat::starrocks {

/// The body as one frame of its codec; none: as it is. Throws leat::error.
std::string compress(load_compression, std::string_view body);

/// The headers of a load whose body is compressed: CSV has a format for each codec, JSON a header
/// beside it (3.2.7 and later).
load_api::header_lines compressed_headers(load_api::header_lines, load_compression);

} // namespace leat::starrocks
