#pragma once

#include <memory>

#include "dataflow/pipeline_file.hpp"
#include "dataflow/source.hpp"

namespace leat::postgres {

/// A PostgreSQL database as [source] of a pipeline. Connects at the first call.
std::unique_ptr<source> make_source(const source_options&);

} // namespace leat::postgres
