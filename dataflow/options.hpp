#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <limits>
#include <map>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "dataflow/pipeline_file.hpp"

namespace leat {

/// How an option is written in the file, and which alternative of option_value it becomes.
enum class option_kind : std::uint8_t {
  string,      ///< std::string
  path,        ///< std::filesystem::path, absolute; `choices` are kept as they stand
  secret_file, ///< std::string: what the file at this path holds, without its last newline
  duration,    ///< std::chrono::milliseconds
  size,        ///< std::uint64_t, bytes
  integer,     ///< std::uint64_t
  boolean,     ///< bool
  choice,      ///< choice_value
  list,        ///< std::vector<std::string>
  map,         ///< std::map<std::string, std::string>
  columns,     ///< column_list: names, and tables of name, expr and type
};

/// Which of option::choices was taken.
struct choice_value {
  std::size_t index = 0;
  std::string text;
};

struct column_list {
  std::vector<std::string> names; ///< in their order, computed ones too
  std::vector<computed_column> computed;
};

using option_value = std::variant<std::string, std::filesystem::path, std::chrono::milliseconds,
                                  std::uint64_t, bool, choice_value, std::vector<std::string>,
                                  std::map<std::string, std::string>, column_list>;

/// What a section's values go into.
struct option_target {
  pipeline_file& file;
  sink_options* sink = nullptr;           ///< within [sink.NAME]
  route_options* route = nullptr;         ///< within [[route]]
  transform_options* transform = nullptr; ///< within [transform.NAME]
};

/// The one declaration of an option: validation, defaults, `leat help config` and the reference
/// page come from it.
struct option {
  std::string_view name;
  option_kind kind = option_kind::string;
  std::string_view sentence;
  /// Puts a checked value into its place. Null: reserved for a later version and refused.
  void (*store)(const option_target&, const option&, option_value&&) = nullptr;
  /// As it would be written in the file, a string without its quotes; `<name>` is the pipeline's
  /// name.
  std::string_view fallback = {};
  /// Bounds of a duration (ms), size (bytes) or integer.
  std::uint64_t least = 0;
  std::uint64_t most = std::numeric_limits<std::int64_t>::max();
  std::vector<std::string_view> choices = {};
  /// Choices that are reserved for a later version.
  std::vector<std::string_view> later_choices = {};
  /// The connectors that have this option; empty: all.
  std::vector<std::string_view> connectors = {};
  /// Says what is wrong with a string, an element of a list or a key of a map; empty when nothing
  /// is.
  std::string (*check)(const std::string&) = nullptr;
  /// Options of the same section that cannot stand beside this one.
  std::vector<std::string_view> not_beside = {};
  bool required = false;
  bool one_or_many = false; ///< a list that may be written as one string
};

struct option_section {
  std::string_view name; ///< "source.snapshot", "sink.NAME", "route"
  std::string_view sentence;
  std::vector<option> options;
  enum class form : std::uint8_t { table, named_tables, array_of_tables };
  form written_as = form::table;
  bool defaults_when_missing = true; ///< defaults hold also when the section is not in the file
  bool reserved = false;             ///< for a later version; refused
  std::string_view variant = {};     ///< of [transform.NAME]: the `type` that it is for
};

/// All sections, in the order of the reference page.
const std::vector<option_section>& option_sections();
/// Those of [transform.NAME]: what all have, then one for each `type`.
std::vector<option_section> transform_sections();
std::vector<std::string_view> transform_types();
/// The first section of that name, or null.
const option_section* find_section(std::string_view name);
/// The option of that name in the section, or null.
const option* find_option(const option_section&, std::string_view name);

/// A number of that kind with its unit: "20ms", "64MiB", "7".
std::string format_number(option_kind, std::uint64_t);

/// docs/configuration.md.
std::string config_reference();

/// What `leat help config` calls the section: "sink.NAME", or "transform.mask" of a variant.
std::string help_key(const option_section&);

/// What `leat help config KEY` prints, for a section or an option (`checkpoint.interval`,
/// `sink.path`, `sink.NAME.path`); an empty key lists everything. Throws leat::error of kind usage
/// for an unknown key.
std::string config_help(std::string_view key);

} // namespace leat
