#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "dataflow/route.hpp"
#include "dataflow/starrocks_options.hpp"

namespace leat {

/// Line and column in the pipeline file, from 1; 0 when the value is a default or came from --set.
struct file_place {
  std::uint32_t line = 0;
  std::uint32_t column = 0;
};

enum class snapshot_mode : std::uint8_t { initial, never, only };
enum class atomicity : std::uint8_t { epoch, table };
enum class value_policy : std::uint8_t { stop, null, clamp, text };

struct source_options {
  std::string connector = "postgres";
  std::map<std::string, std::string> connection; ///< libpq keywords, passwords included; "url" is
                                                 ///< kept whole under "dbname", as libpq allows
  std::string slot;
  std::string publication;
  std::vector<std::string> tables; ///< patterns; a leading ! excludes; the last match wins
  snapshot_mode mode = snapshot_mode::initial;
  std::uint64_t chunk_rows = 10000;
  std::uint64_t chunk_bytes = 8U << 20;
  std::uint32_t readers = 2;
  std::map<std::string, std::string> where; ///< "schema.table" -> predicate of the snapshot
};

struct sink_options {
  std::string name;
  std::string connector;
  std::filesystem::path path; ///< sqlite; absolute
  std::map<std::string, std::string>
      connection;                ///< postgres: libpq keywords; starrocks: user, password
  std::string schema = "public"; ///< postgres: where tables are made
  leat::atomicity atomicity = leat::atomicity::epoch;
  starrocks_options starrocks;
  schema_policy schema_changes = schema_policy::evolve;
  value_policy on_nan = value_policy::stop;
  value_policy on_infinity = value_policy::stop;
  value_policy on_out_of_range = value_policy::stop;
  std::optional<std::string> dead_letter;
  file_place place;
};

struct route_options {
  std::vector<std::string> from;
  std::optional<std::string> sink;
  std::string to = "{table}";
  std::string where;                               ///< empty: every row
  std::optional<std::vector<std::string>> columns; ///< names, those of `computed` among them
  std::vector<computed_column> computed;
  expression_policy on_error = expression_policy::stop;
  std::vector<std::string> exclude;
  std::optional<std::vector<std::string>> key;
  route_mode mode = route_mode::upsert;
  delete_mode removal = delete_mode::hard;
  std::optional<schema_policy> schema_changes;
  std::vector<std::string> transforms;
  starrocks_route_table table;
  file_place place;
  std::map<std::string, std::string> places; ///< of the options that are given: "shop.toml:12:9"
};

/// [transform.NAME]: of a built-in type, or a plugin.
struct transform_options {
  std::string name;
  std::string type;                                       ///< empty: a plugin
  std::filesystem::path plugin;                           ///< absolute
  std::chrono::milliseconds timeout{10000};               ///< plugin: of one call
  std::map<std::string, std::vector<std::string>> values; ///< of a built-in type, by option: texts
  std::string json = "{}";                                ///< of a plugin: its own keys, as JSON
  std::filesystem::path file;                             ///< the pipeline file
  file_place place;
};

/// A pipeline file, read and checked by itself: every key known, every value of its type and within
/// its bounds, defaults filled in, variables replaced, paths absolute.
struct pipeline_file {
  std::filesystem::path path;
  std::string name;
  std::filesystem::path state;
  std::chrono::milliseconds checkpoint_interval{1000};
  bool first_match = false; ///< a row goes to the first route that takes it, alone
  std::uint64_t memory = 256U << 20;
  std::uint64_t spill = 10ULL << 30;
  source_options source;
  std::vector<sink_options> sinks; ///< in the file's order
  std::vector<route_options> routes;
  std::vector<transform_options> transforms;
  std::string log_level = "info";
  std::string log_format = "text";
  std::optional<std::string> http_listen;
};

/// Reads a pipeline file; `settings` are `key=value` of --set with dotted keys (values as TOML, or
/// a bare string). Throws leat::error of kind usage with file, line and column.
pipeline_file load_pipeline_file(const std::filesystem::path&,
                                 const std::vector<std::string>& settings = {});

} // namespace leat
