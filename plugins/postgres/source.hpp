#pragma once

#include <memory>
#include <string>

#include "dataflow/pipeline_file.hpp"
#include "dataflow/source.hpp"

namespace leat::postgres {

/// A PostgreSQL database as [source] of a pipeline. Connects at the first call. `file`: the
/// pipeline file's path, for messages.
std::unique_ptr<source> make_source(const source_options&, std::string file);

} // namespace leat::postgres
