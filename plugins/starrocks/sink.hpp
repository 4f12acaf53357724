#pragma once

#include <memory>
#include <string>

#include "dataflow/pipeline_file.hpp"
#include "dataflow/sink.hpp"

namespace leat::starrocks {

/// The sink of [sink.NAME] with connector "starrocks". Connects in open().
std::unique_ptr<sink> make_sink(const std::string& pipeline, const sink_options&);

} // namespace leat::starrocks
