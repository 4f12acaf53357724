#include "dataflow/pipeline_file.hpp"

#include <algorithm>
#include <cstdint>

#include "dataflow/dead_letter.hpp"
#include "dataflow/nearest_name.hpp"
#include "dataflow/option_reader.hpp"
#include "dataflow/options.hpp"
#include "dataflow/pipeline_document.hpp"
#include "dataflow/pipeline_file_check.hpp"

namespace leat {

namespace {

/// A table of the file and where it stands: "sink.dwh" at "shop.toml:12:1".
struct located_table {
  const document_table& content;
  std::string where;
  std::string key;
};

/// `snapshot` of `source.snapshot`, when `outer` is `source`; empty for other sections.
std::string_view inner_name(const option_section& inner, const option_section& outer) {
  const std::string_view name = inner.name;
  if (!name.starts_with(outer.name) || name.size() <= outer.name.size()) return {};
  if (name[outer.name.size()] != '.') return {};
  return name.substr(outer.name.size() + 1);
}

const option_section* section_of_type(const std::string& type) {
  for (const option_section& section : option_sections())
    if (section.name == "transform.NAME" && section.variant == type) return &section;
  return nullptr;
}

bool good_sink_name(const std::string& name) {
  constexpr const char* characters =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-";
  return !name.empty() && name.size() <= 40
         && name.find_first_not_of(characters) == std::string::npos;
}

/// Walks the sections of one file and fills a pipeline_file.
class section_reader {
 public:
  section_reader(const std::filesystem::path& path, const document_value& document)
      : document_(document), root_(*document.as<document_table>()),
        options_(std::filesystem::absolute(path).parent_path()) {
    file_.path = path;
  }

  pipeline_file read();

 private:
  void check_top_level() const;
  void read_plain(std::string_view name);
  void read_sinks();
  void read_routes();
  void read_transforms();
  void read_transform(const document_entry&);
  std::string json(const document_value&, const std::string& key) const;
  void read_section(const option_section&, const located_table&, const option_target&);
  void read_entry(const option_section&, const document_entry&, const located_table&,
                  const option_target&);
  static void check_required(const option_section&, const located_table&);
  void fill_defaults(const option_section&, const located_table&, const option_target&);
  void check_connector(const option_section&, const option&, const document_entry&,
                       const located_table&) const;
  [[noreturn]] void fail_unknown(const option_section&, const document_entry&,
                                 const std::string& key) const;

  const document_value& document_;
  const document_table& root_;
  option_reader options_;
  pipeline_file file_;
};

pipeline_file section_reader::read() {
  check_top_level();
  // The name comes first: other defaults are made of it.
  for (const option_section& section : option_sections()) {
    const bool top_level = section.name.find('.') == std::string_view::npos;
    if (section.written_as == option_section::form::table && top_level) read_plain(section.name);
  }
  read_sinks();
  read_routes();
  read_transforms();
  check_pipeline_file(file_);
  return std::move(file_);
}

void section_reader::check_top_level() const {
  for (const document_entry& entry : root_) {
    std::vector<std::string> known;
    const option_section* found = nullptr;
    for (const option_section& section : option_sections()) {
      known.emplace_back(section.name.substr(0, section.name.find('.')));
      if (known.back() == entry.key && !found) found = &section;
    }
    if (found && found->reserved)
      fail_option(entry.where, entry.key,
                  "[" + std::string(found->name) + "] is not available in this version",
                  "take the section out");
    if (found) continue;
    const std::vector<std::string> near = nearest_names(entry.key, known);
    fail_option(entry.where, entry.key, "unknown section `" + entry.key + "`",
                near.empty() ? "`leat help config` lists the sections"
                             : "did you mean `" + near.front() + "`?");
  }
}

void section_reader::read_plain(std::string_view name) {
  const option_section& section = *find_section(name);
  const std::string key(name);
  const document_value* value = find(root_, name);
  if (!value && !section.defaults_when_missing) return;
  static const document_table empty;
  if (value && !value->as<document_table>())
    fail_option(value->where, key,
                "`" + key + "` must be a section, not " + std::string(value->type()),
                "write [" + key + "] with its keys below it");
  const document_table& content = value ? *value->as<document_table>() : empty;
  read_section(section, {content, value ? value->where : document_.where, key},
               {file_, nullptr, nullptr});
}

void section_reader::read_sinks() {
  const document_value* sinks = find(root_, "sink");
  if (!sinks) return;
  const document_table* named = sinks->as<document_table>();
  if (!named)
    fail_option(sinks->where, "sink",
                "sinks have names: `sink` must not be " + std::string(sinks->type()),
                "write [sink.NAME]");
  for (const document_entry& entry : *named) {
    const std::string key = "sink." + entry.key;
    const document_table* table = entry.value.as<document_table>();
    if (!table)
      fail_option(entry.where, key,
                  "sinks have names: `" + key + "` must be a section, not "
                      + std::string(entry.value.type()),
                  "write [sink.NAME] with `" + entry.key + "` below it");
    if (!good_sink_name(entry.key))
      fail_option(entry.where, key, "`" + entry.key + "` cannot be the name of a sink",
                  "use 1 to 40 of the characters A-Z, a-z, 0-9, _ and -");
    sink_options& sink = file_.sinks.emplace_back();
    sink.name = entry.key;
    sink.place = entry.value.place;
    read_section(*find_section("sink.NAME"), {*table, entry.value.where, key},
                 {file_, &sink, nullptr});
  }
}

void section_reader::read_routes() {
  const document_value* routes = find(root_, "route");
  if (!routes) return;
  const document_list* list = routes->as<document_list>();
  if (!list)
    fail_option(routes->where, "route",
                "routes are a list: `route` must not be " + std::string(routes->type()),
                "write [[route]] with double brackets");
  for (const document_value& value : *list) {
    const document_table* table = value.as<document_table>();
    if (!table)
      fail_option(value.where, "route",
                  "a route must be a section, not " + std::string(value.type()),
                  "write [[route]] with its keys below it");
    route_options& route = file_.routes.emplace_back();
    route.place = value.place;
    for (const document_entry& entry : *table) route.places[entry.key] = entry.value.where;
    read_section(*find_section("route"), {*table, value.where, "route"}, {file_, nullptr, &route});
  }
}

void section_reader::read_transforms() {
  const document_value* transforms = find(root_, "transform");
  if (!transforms) return;
  const document_table* named = transforms->as<document_table>();
  if (!named)
    fail_option(transforms->where, "transform",
                "transforms have names: `transform` must not be " + std::string(transforms->type()),
                "write [transform.NAME]");
  for (const document_entry& entry : *named) read_transform(entry);
}

void section_reader::read_transform(const document_entry& entry) {
  const std::string key = "transform." + entry.key;
  const document_table* table = entry.value.as<document_table>();
  if (!table)
    fail_option(entry.where, key,
                "transforms have names: `" + key + "` must be a section, not "
                    + std::string(entry.value.type()),
                "write [transform.NAME] with `" + entry.key + "` below it");
  if (!good_sink_name(entry.key))
    fail_option(entry.where, key, "`" + entry.key + "` cannot be the name of a transform",
                "use 1 to 40 of the characters A-Z, a-z, 0-9, _ and -");
  transform_options& made = file_.transforms.emplace_back();
  made.name = entry.key;
  made.file = file_.path;
  made.place = entry.value.place;
  const option_target target{file_, nullptr, nullptr, &made};
  const option_section& any = *find_section("transform.NAME");
  const document_value* type = find(*table, "type");
  if (!type && !find(*table, "plugin"))
    fail_option(entry.value.where, key, "nothing says what the transform does",
                "add type = \"...\" for one that is built in, or plugin = \"./lib.so\"");
  if (type) {
    const option& declared = *find_option(any, "type");
    const auto choice = options_.read(declared, *type, key + ".type");
    option_section section = *section_of_type(std::get<choice_value>(choice).text);
    section.options.insert(section.options.begin(), declared);
    read_section(section, {*table, entry.value.where, key}, target);
    return;
  }
  document_table own;
  std::string rest;
  for (const document_entry& each : *table) {
    if (find_option(any, each.key))
      own.push_back(each);
    else
      rest += (rest.empty() ? "" : ",") + json_string(each.key) + ":"
              + json(each.value, key + "." + each.key);
  }
  read_section(any, {own, entry.value.where, key}, target);
  made.json = "{" + rest + "}";
}

/// What a plugin is told of its section.
std::string section_reader::json(const document_value& value, const std::string& key) const {
  if (value.as<std::string>()) return json_string(options_.text(value, key));
  if (const auto* number = value.as<std::int64_t>()) return std::to_string(*number);
  if (const auto* flag = value.as<bool>()) return *flag ? "true" : "false";
  std::string out;
  if (const auto* list = value.as<document_list>()) {
    for (const document_value& each : *list) out += (out.empty() ? "" : ",") + json(each, key);
    return "[" + out + "]";
  }
  if (const auto* table = value.as<document_table>()) {
    for (const document_entry& each : *table)
      out += (out.empty() ? "" : ",") + json_string(each.key) + ":"
             + json(each.value, key + "." + each.key);
    return "{" + out + "}";
  }
  fail_option(value.where, key,
              "a plugin takes strings, integers, booleans, lists and tables, not "
                  + std::string(value.type()),
              "write it in quotes");
}

void section_reader::read_section(const option_section& section, const located_table& table,
                                  const option_target& target) {
  // A mistyped key is named before the key that is missing for it.
  for (const document_entry& entry : table.content) {
    const bool known = find_option(section, entry.key)
                       || find_section(std::string(section.name) + "." + entry.key);
    if (!known) fail_unknown(section, entry, table.key + "." + entry.key);
  }
  check_required(section, table);
  for (const document_entry& entry : table.content) read_entry(section, entry, table, target);
  fill_defaults(section, table, target);
  static const document_table empty;
  for (const option_section& inner : option_sections()) {
    const std::string_view name = inner_name(inner, section);
    if (!name.empty() && !find(table.content, name))
      read_section(inner, {empty, table.where, table.key + "." + std::string(name)}, target);
  }
}

void section_reader::read_entry(const option_section& section, const document_entry& entry,
                                const located_table& table, const option_target& target) {
  const std::string key = table.key + "." + entry.key;
  if (const option* declared = find_option(section, entry.key)) {
    if (!declared->store)
      fail_option(entry.where, key, "`" + entry.key + "` is not available in this version",
                  "take it out");
    check_connector(section, *declared, entry, table);
    for (const std::string_view other : declared->not_beside)
      if (find(table.content, other))
        fail_option(entry.where, key,
                    "`" + entry.key + "` cannot stand beside `" + std::string(other) + "`",
                    "leave one of them out");
    declared->store(target, *declared, options_.read(*declared, entry.value, key));
    return;
  }
  const option_section& inner = *find_section(std::string(section.name) + "." + entry.key);
  const document_table* content = entry.value.as<document_table>();
  if (!content)
    fail_option(entry.value.where, key,
                "`" + entry.key + "` must be a section, not " + std::string(entry.value.type()),
                "write [" + key + "] with its keys below it");
  read_section(inner, {*content, entry.value.where, key}, target);
}

void section_reader::check_required(const option_section& section, const located_table& table) {
  for (const option& declared : section.options) {
    if (!declared.required || find(table.content, declared.name)) continue;
    const std::string key = table.key + "." + std::string(declared.name);
    fail_option(table.where, key, "`" + key + "` is missing", std::string(declared.sentence));
  }
}

void section_reader::fill_defaults(const option_section& section, const located_table& table,
                                   const option_target& target) {
  for (const option& declared : section.options) {
    if (find(table.content, declared.name)) continue;
    if (declared.fallback.empty()) continue;
    std::string text(declared.fallback);
    if (const std::size_t mark = text.find("<name>"); mark != std::string::npos)
      text.replace(mark, 6, file_.name);
    declared.store(target, declared,
                   options_.read_text(declared, text, table.where,
                                      table.key + "." + std::string(declared.name)));
  }
}

/// Refuses an option that the section's connector does not have.
void section_reader::check_connector(const option_section& section, const option& declared,
                                     const document_entry& entry,
                                     const located_table& table) const {
  if (declared.connectors.empty()) return;
  const option& choice = *find_option(section, "connector");
  const document_value& value = *find(table.content, "connector");
  const option_value read = options_.read(choice, value, table.key + ".connector");
  const std::string& connector = std::get<choice_value>(read).text;
  const auto& having = declared.connectors;
  if (std::find(having.begin(), having.end(), connector) != having.end()) return;
  fail_option(entry.where, table.key + "." + entry.key,
              "connector `" + connector + "` has no option `" + entry.key + "`",
              "take it out; it belongs to connector " + join_names({having.begin(), having.end()}));
}

void section_reader::fail_unknown(const option_section& section, const document_entry& entry,
                                  const std::string& key) const {
  std::vector<std::string> known;
  for (const option& o : section.options) known.emplace_back(o.name);
  for (const option_section& inner : option_sections())
    if (const auto name = inner_name(inner, section); !name.empty()) known.emplace_back(name);
  const std::vector<std::string> near = nearest_names(entry.key, known);
  fail_option(entry.where, key, "unknown key `" + entry.key + "`",
              near.empty() ? "`leat help config " + help_key(section) + "` lists the keys"
                           : "did you mean `" + near.front() + "`?");
}

} // namespace

pipeline_file load_pipeline_file(const std::filesystem::path& path,
                                 const std::vector<std::string>& settings) {
  const document_value document = read_document(path, settings);
  return section_reader(path, document).read();
}

} // namespace leat
