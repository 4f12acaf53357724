#include "actors/connectors.hpp"

#include "dataflow/error.hpp"
#include "plugins/blackhole/sink.hpp"
#include "plugins/postgres/source.hpp"
#include "plugins/postgres/target_sink.hpp"
#include "plugins/sqlite/sink.hpp"
#include "plugins/starrocks/sink.hpp"

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

} // namespace leat
