#include "actors/connectors.hpp"

#include "actors/overdue_plugins.hpp"
#include "dataflow/error.hpp"
#include "dataflow/options.hpp"
#include "dataflow/pipeline_file_check.hpp"
#include "plugins/blackhole/sink.hpp"
#include "plugins/postgres/connection_words.hpp"
#include "plugins/postgres/source.hpp"
#include "plugins/postgres/target_sink.hpp"
#include "plugins/shared_objects/transform_type.hpp"
#include "plugins/sqlite/sink.hpp"
#include "plugins/starrocks/sink.hpp"
#include "plugins/transforms/built_in.hpp"

namespace leat {

namespace {

void check_words(const std::map<std::string, std::string>& connection, const std::string& where) {
  if (const auto wrong = postgres::find_wrong_words(connection))
    throw error(error_kind::usage, wrong->what, where + ".url", wrong->remedy);
}

} // namespace

pipeline_file load_checked_file(const std::filesystem::path& path,
                                const std::vector<std::string>& settings) {
  auto file = load_pipeline_file(path, settings);
  check_words(file.source.connection, path.string() + ", source");
  for (const auto& s : file.sinks)
    if (s.connector == "postgres")
      check_words(s.connection, place_text(path, s.place) + ", sink." + s.name);
  return file;
}

std::unique_ptr<source> make_source(const pipeline_file& file) {
  return postgres::make_source(file.source, file.path.string());
}

std::unique_ptr<sink> make_sink(const pipeline_file& file, const sink_options& options) {
  if (options.connector == "sqlite") return std::make_unique<sqlite::sink>(file.name, options);
  if (options.connector == "postgres") return postgres::make_target_sink(file.name, options);
  if (options.connector == "starrocks") return starrocks::make_sink(file.name, options);
  if (options.connector == "blackhole") return std::make_unique<blackhole::sink>(options.path);
  throw error(error_kind::usage, "there is no connector \"" + options.connector + "\"",
              "sink " + options.name, "use sqlite, postgres, starrocks or blackhole");
}

namespace {

transform_type_ptr load_plugin(const transform_options& options) {
  const auto overdue = [file = options.file, name = options.name](const std::string& plugin,
                                                                  const std::string& call,
                                                                  std::chrono::milliseconds limit) {
    overdue_plugins::tell(
        file,
        {error_kind::usage,
         plugin + ": " + call + "() has taken longer than "
             + format_number(option_kind::duration, static_cast<std::uint64_t>(limit.count())),
         "transform " + name,
         "correct the plugin, or set a larger `timeout`; nothing is lost: the next run goes on "
         "from the last checkpoint"});
  };
  return shared_objects::make_transform_type(options, overdue);
}

} // namespace

transform_type_ptr make_transform_type(const transform_options& options) {
  if (!options.plugin.empty()) return load_plugin(options);
  return transforms::make_built_in(options);
}

} // namespace leat
