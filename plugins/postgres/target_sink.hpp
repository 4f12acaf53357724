#pragma once

#include <memory>
#include <string>

#include "dataflow/pipeline_file.hpp"
#include "dataflow/sink.hpp"

namespace leat::postgres {

/// The sink of [sink.NAME] with connector "postgres": one session, which commits the data of an
/// epoch and the row of leat_progress in one transaction. Connects in open().
std::unique_ptr<sink> make_target_sink(const std::string& pipeline, const sink_options&);

} // namespace leat::postgres
