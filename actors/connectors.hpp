#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "dataflow/pipeline_file.hpp"
#include "dataflow/sink.hpp"
#include "dataflow/source.hpp"
#include "dataflow/transform.hpp"

namespace leat {

/// What the connectors of a pipeline file are.
struct connectors {
  std::function<std::unique_ptr<source>(const pipeline_file&)> make_source;
  std::function<std::unique_ptr<sink>(const pipeline_file&, const sink_options&)> make_sink;
  transform_registry transforms = {};
};

/// load_pipeline_file(), and then what the connectors refuse before they connect: a `url` that is
/// none.
pipeline_file load_checked_file(const std::filesystem::path&,
                                const std::vector<std::string>& settings);

/// The plugins by the names of the pipeline file.
std::unique_ptr<source> make_source(const pipeline_file&);
std::unique_ptr<sink> make_sink(const pipeline_file&, const sink_options&);
transform_type_ptr make_transform_type(const transform_options&);
inline connectors built_in_connectors() { return {make_source, make_sink, make_transform_type}; }

} // namespace leat
