#include "actors/connectors.hpp"

#include "dataflow/error.hpp"
#include "plugins/blackhole/sink.hpp"
#include "plugins/postgres/source.hpp"
#include "plugins/postgres/target_sink.hpp"
#include "plugins/sqlite/sink.hpp"
#include "plugins/starrocks/sink.hpp"
#include "plugins/transforms/built_in.hpp"

namespace leat {

std::unique_ptr<source> make_source(const pipeline_file& file) {
  return postgres::make_source(file.source);
}

std::unique_ptr<sink> make_sink(const pipeline_file& file, const sink_options& options) {
  if (options.connector == "sqlite") return std::make_unique<sqlite::sink>(file.name, options);
  if (options.connector == "postgres") return postgres::make_target_sink(file.name, options);
  if (options.connector == "starrocks") return starrocks::make_sink(file.name, options);
  if (options.connector == "blackhole") return std::make_unique<blackhole::sink>(options.path);
  throw error(error_kind::usage, "there is no connector \"" + options.connector + "\"",
              "sink " + options.name, "use sqlite, postgres, starrocks or blackhole");
}

transform_type_ptr make_transform_type(const transform_options& options) {
  if (!options.plugin.empty())
    throw error(error_kind::usage, "transforms in shared objects are not available in this version",
                "plugin", "use a type that is built in");
  return transforms::make_built_in(options);
}

} // namespace leat
