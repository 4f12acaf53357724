#pragma once

#include <string>
#include <utility>
#include <vector>

#include "dataflow/pipeline_file.hpp"
#include "dataflow/plan.hpp"
#include "tests/support/caught_error.hpp"

namespace leat::test {

/// A pipeline file of all tables into one sink, dwh.
inline pipeline_file file_with(std::vector<route_options> routes,
                               const std::string& connector = "sqlite") {
  pipeline_file file;
  file.path = "shop.toml";
  file.name = "shop";
  file.source.tables = {"*.*"};
  auto& sink = file.sinks.emplace_back();
  sink.name = "dwh";
  sink.connector = connector;
  file.routes = std::move(routes);
  return file;
}

/// `what | where | remedy` of what the plan is refused for, or "no error".
inline std::string refused_plan(const pipeline_file& file,
                                const std::vector<source_table>& tables) {
  return told([&] { make_plan(file, tables); });
}

} // namespace leat::test
