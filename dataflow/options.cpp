#include "dataflow/options.hpp"

#include "dataflow/option_checks.hpp"
#include "dataflow/option_storage.hpp"
#include "dataflow/option_text.hpp"

namespace leat {

namespace {

using kind = option_kind;

constexpr std::uint64_t kib = 1U << 10;
constexpr std::uint64_t mib = 1U << 20;
constexpr std::uint64_t gib = 1U << 30;
constexpr std::uint64_t hour = 3'600'000; // in ms

option_section pipeline_section() {
  return {.name = "pipeline",
          .sentence = "Names the pipeline and its state.",
          .options = {
              {.name = "name",
               .kind = kind::string,
               .sentence = "Name of the pipeline, 1 to 40 of a-z, 0-9 and _; slot, publication, "
                           "labels and progress rows are named after it.",
               .store = into_file<&pipeline_file::name>,
               .check = wrong_pipeline_name,
               .required = true},
              {.name = "state",
               .kind = kind::path,
               .sentence = "Directory of leat's own state (RocksDB); created when missing.",
               .store = into_file<&pipeline_file::state>,
               .fallback = ".leat/<name>"},
              {.name = "first_match",
               .kind = kind::boolean,
               .sentence = "A row goes to the first route of its table that takes it, and to no "
                           "other; false unless given.",
               .store = into_file<&pipeline_file::first_match>},
          }};
}

option_section checkpoint_section() {
  return {.name = "checkpoint",
          .sentence = "How often changes become visible at the targets.",
          .options = {
              {.name = "interval",
               .kind = kind::duration,
               .sentence = "Length of an epoch.",
               .store = into_file<&pipeline_file::checkpoint_interval>,
               .fallback = "1s",
               .least = 20,
               .most = hour},
          }};
}

option_section limits_section() {
  return {.name = "limits",
          .sentence = "What leat may take of the machine.",
          .options = {
              {.name = "memory",
               .kind = kind::size,
               .sentence = "All buffers of the engine together.",
               .store = into_file<&pipeline_file::memory>,
               .fallback = "256MiB",
               .least = 64 * mib},
              {.name = "spill",
               .kind = kind::size,
               .sentence = "What transactions in progress, a source that must not wait, and epochs "
                           "beyond memory at StarRocks may take on disk.",
               .store = into_file<&pipeline_file::spill>,
               .fallback = "10GiB",
               .least = mib},
          }};
}

option_section source_section() {
  option_section section = {
      .name = "source",
      .sentence = "The database that changes are read from.",
      .options = {
          {.name = "connector",
           .kind = kind::choice,
           .sentence = "Kind of source.",
           .store = into_source<&source_options::connector>,
           .fallback = "postgres",
           .choices = {"postgres"}},
          {.name = "slot",
           .kind = kind::string,
           .sentence = "Logical replication slot; created when missing.",
           .store = into_source<&source_options::slot>,
           .fallback = "leat_<name>",
           .check = wrong_slot_name},
          {.name = "publication",
           .kind = kind::string,
           .sentence = "Publication; created when missing and the role may, otherwise `leat check` "
                       "prints the statement.",
           .store = into_source<&source_options::publication>,
           .fallback = "leat_<name>",
           .check = wrong_identifier},
          {.name = "tables",
           .kind = kind::list,
           .sentence =
               "Tables to read, as schema.table with * and ?; a leading ! excludes, the "
               "last match wins; names with dots stand in double quotes. Tables that are made "
               "while the pipeline runs join it.",
           .store = into_source<&source_options::tables>,
           .check = wrong_table_pattern,
           .required = true,
           .one_or_many = true},
      }};
  for (option& declared : connection_options({})) section.options.push_back(std::move(declared));
  return section;
}

option_section snapshot_section() {
  return {
      .name = "source.snapshot",
      .sentence = "How the rows that are there before the stream are read.",
      .options = {
          {.name = "mode",
           .kind = kind::choice,
           .sentence =
               "initial: snapshot, then stream; never: stream from the slot's position, and only "
               "what it leaves out of its rows is read; only: snapshot, then stop.",
           .store = into_source<&source_options::mode>,
           .fallback = "initial",
           .choices = {"initial", "never", "only"}},
          {.name = "chunk_rows",
           .kind = kind::integer,
           .sentence = "Rows of a chunk, by estimate; one of twice as many is cut.",
           .store = into_source<&source_options::chunk_rows>,
           .fallback = "10000",
           .least = 1,
           .most = 10'000'000},
          {.name = "chunk_bytes",
           .kind = kind::size,
           .sentence = "Bytes of a chunk, by estimate; one of twice as many is cut, down to a "
                       "single row.",
           .store = into_source<&source_options::chunk_bytes>,
           .fallback = "8MiB",
           .least = kib,
           .most = gib},
          {.name = "readers",
           .kind = kind::integer,
           .sentence = "Chunk readers in parallel, each with a connection of its own.",
           .store = into_source<&source_options::readers>,
           .fallback = "2",
           .least = 1,
           .most = 64},
          {.name = "where",
           .kind = kind::map,
           .sentence = "Extra predicate of the snapshot per table, in the source's SQL.",
           .store = into_source<&source_options::where>,
           .check = wrong_table_name},
      }};
}

option_section sink_section() {
  option_section section = {
      .name = "sink.NAME",
      .sentence = "A target; any number of them. Routes, logs and status call it NAME.",
      .options =
          {
              {.name = "connector",
               .kind = kind::choice,
               .sentence = "Kind of target.",
               .store = into_sink<&sink_options::connector>,
               .choices = {"sqlite", "postgres", "starrocks", "blackhole"},
               .later_choices = {"kafka", "file"},
               .required = true},
              {.name = "path",
               .kind = kind::path,
               .sentence = "Database file; created when missing.",
               .store = into_sink<&sink_options::path>,
               .connectors = {"sqlite"}},
              {.name = "report",
               .kind = kind::path,
               .sentence = "File that says what came and how late, as JSON, for measuring; written "
                           "at each commit.",
               .store = into_sink<&sink_options::path>,
               .connectors = {"blackhole"}},
              {.name = "schema",
               .kind = kind::string,
               .sentence = "Schema that tables are made in, unless a route names one.",
               .store = into_sink<&sink_options::schema>,
               .fallback = "public",
               .connectors = {"postgres"},
               .check = wrong_identifier},
              {.name = "atomicity",
               .kind = kind::choice,
               .sentence = "What one target transaction holds: an epoch of all tables, so that "
                           "readers see cuts of the source, or an epoch of one table, which only "
                           "starrocks has. epoch unless given; at StarRocks what the server can.",
               .store = into_atomicity,
               .choices = {"epoch", "table"}},
              {.name = "schema_changes",
               .kind = kind::choice,
               .sentence =
                   "What happens when a source table is changed or dropped: evolve applies the "
                   "change to the target, but keeps the table when the source's is dropped; stop "
                   "ends the pipeline.",
               .store = into_sink<&sink_options::schema_changes>,
               .fallback = "evolve",
               .choices = {"evolve", "stop"}},
              {.name = "dead_letter",
               .kind = kind::string,
               .sentence =
                   "Table for rows that cannot be written; without it they stop the pipeline.",
               .store = into_sink<&sink_options::dead_letter>,
               .check = wrong_if_empty},
          },
      .written_as = option_section::form::named_tables};
  for (option& declared : starrocks_connection_options())
    section.options.push_back(std::move(declared));
  for (option& declared : connection_options({"postgres"})) {
    const bool shared =
        declared.name == "user" || declared.name == "password" || declared.name == "password_file";
    if (shared) declared.connectors.emplace_back("starrocks");
    section.options.push_back(std::move(declared));
  }
  return section;
}

option_section on_value_section() {
  option_section section = {
      .name = "sink.NAME.on_value",
      .sentence =
          "What to write for a value that the target cannot hold: null writes NULL, clamp the "
          "nearest value, text its text; stop ends the pipeline.",
      .options = {
          {.name = "nan", .sentence = "NaN.", .store = into_sink<&sink_options::on_nan>},
          {.name = "infinity",
           .sentence = "Infinite numbers, dates and intervals.",
           .store = into_sink<&sink_options::on_infinity>},
          {.name = "out_of_range",
           .sentence = "Values beyond the range or precision of the target's type.",
           .store = into_sink<&sink_options::on_out_of_range>},
      }};
  for (option& declared : section.options) {
    declared.kind = kind::choice;
    declared.fallback = "stop";
    declared.choices = {"stop", "null", "clamp", "text"};
  }
  return section;
}

option_section route_section() {
  return {
      .name = "route",
      .sentence = "Which tables go to which target. Without a route every table goes to the "
                  "only sink under its own name.",
      .options =
          {
              {.name = "from",
               .kind = kind::list,
               .sentence = "A table, a pattern or a list of them, among those of "
                           "`source.tables`; several routes may read one table.",
               .store = into_route<&route_options::from>,
               .check = wrong_table_pattern,
               .required = true,
               .one_or_many = true},
              {.name = "sink",
               .kind = kind::string,
               .sentence = "NAME of the sink; may be left out when there is one.",
               .store = into_route<&route_options::sink>},
              {.name = "to",
               .kind = kind::string,
               .sentence = "Name of the target table; {schema} and {table} are replaced, {1} "
                           "by what the first * or ? of the pattern in `from` stands for.",
               .store = into_route<&route_options::to>,
               .fallback = "{table}",
               .check = wrong_target_name},
              {.name = "where",
               .kind = kind::string,
               .sentence = "PostgreSQL expression over the row; rows it does not hold for are "
                           "left out.",
               .store = into_route<&route_options::where>,
               .check = wrong_if_empty},
              {.name = "columns",
               .kind = kind::columns,
               .sentence = "Columns to write, in this order: names, or { name, expr, type } for "
                           "one that is computed (`as` is another word for `type`, which may be "
                           "left out); \"*\" stands for all that are not named. Without it all, "
                           "also those that are added later.",
               .store = into_columns},
              {.name = "on_error",
               .kind = kind::choice,
               .sentence = "What happens to a row when an expression or a transform fails on it: "
                           "stop ends the pipeline, null gives NULL, which `where` does not hold "
                           "for, dead_letter puts the row into the sink's dead-letter table.",
               .store = into_route<&route_options::on_error>,
               .fallback = "stop",
               .choices = {"stop", "null", "dead_letter"}},
              {.name = "exclude",
               .kind = kind::list,
               .sentence = "Columns to leave out of all.",
               .store = into_route<&route_options::exclude>},
              {.name = "key",
               .kind = kind::list,
               .sentence = "Columns that find a row at the target; the table's primary key or "
                           "replica identity index unless given.",
               .store = into_route<&route_options::key>},
              {.name = "mode",
               .kind = kind::choice,
               .sentence = "upsert keeps the target equal to the source; append writes every "
                           "change as a row, with _leat_op, _leat_lsn, _leat_seq, _leat_time "
                           "and _leat_missing.",
               .store = into_route<&route_options::mode>,
               .fallback = "upsert",
               .choices = {"upsert", "append"}},
              {.name = "delete",
               .kind = kind::choice,
               .sentence =
                   "What a delete at the source does at the target: hard removes the row, soft "
                   "sets _leat_deleted, ignore keeps it.",
               .store = into_route<&route_options::removal>,
               .fallback = "hard",
               .choices = {"hard", "soft", "ignore"}},
              {.name = "schema_changes",
               .kind = kind::choice,
               .sentence = "As in the sink, whose value holds unless given here.",
               .store = into_route<&route_options::schema_changes>,
               .choices = {"evolve", "stop"}},
              {.name = "transform",
               .kind = kind::list,
               .sentence = "Names of transforms, in their order: what they do comes after "
                           "`where` and `columns`.",
               .store = into_route<&route_options::transforms>,
               .one_or_many = true},
          },
      .written_as = option_section::form::array_of_tables};
}

option_section log_section() {
  return {.name = "log",
          .sentence = "What is said on stderr.",
          .options = {
              {.name = "level",
               .kind = kind::choice,
               .sentence = "Least severity that is logged.",
               .store = into_file<&pipeline_file::log_level>,
               .fallback = "info",
               .choices = {"trace", "debug", "info", "warn", "error"}},
              {.name = "format",
               .kind = kind::choice,
               .sentence = "text for people, json for machines.",
               .store = into_file<&pipeline_file::log_format>,
               .fallback = "text",
               .choices = {"text", "json"}},
          }};
}

option_section http_section() {
  return {.name = "http",
          .sentence = "Status and resnapshots over HTTP; off when the section is missing.",
          .options =
              {
                  {.name = "listen",
                   .kind = kind::string,
                   .sentence = "ADDRESS:PORT to listen on.",
                   .store = into_file<&pipeline_file::http_listen>,
                   .fallback = "127.0.0.1:8480",
                   .check = wrong_address},
              },
          .defaults_when_missing = false};
}

} // namespace

namespace {

std::vector<option_section> all_sections() {
  std::vector<option_section> sections = {pipeline_section(), checkpoint_section(),
                                          limits_section(),   source_section(),
                                          snapshot_section(), sink_section(),
                                          on_value_section(), starrocks_table_section(),
                                          route_section(),    starrocks_route_table_section(),
                                          log_section(),      http_section()};
  auto transforms = transform_sections();
  sections.insert(sections.end() - 2, transforms.begin(), transforms.end());
  return sections;
}

} // namespace

const std::vector<option_section>& option_sections() {
  static const auto sections = all_sections();
  return sections;
}

const option_section* find_section(std::string_view name) {
  for (const option_section& section : option_sections())
    if (section.name == name) return &section;
  return nullptr;
}

const option* find_option(const option_section& section, std::string_view name) {
  for (const option& declared : section.options)
    if (declared.name == name) return &declared;
  return nullptr;
}

std::string format_number(option_kind of, std::uint64_t number) {
  if (of == option_kind::duration)
    return format_duration(std::chrono::milliseconds(static_cast<std::int64_t>(number)));
  if (of == option_kind::size) return format_size(number);
  return std::to_string(number);
}

} // namespace leat
