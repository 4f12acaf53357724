#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <sstream>

#include <toml++/toml.h>

#include "dataflow/error.hpp"
#include "dataflow/pipeline_document.hpp"

namespace leat {

namespace {

// Names the source of what --set made; lines and columns in it mean nothing.
constexpr std::string_view setting_mark = "--set ";

// Beyond what any pipeline needs; a device may have no end.
constexpr std::size_t largest_file = 16U << 20;

bool from_setting(const toml::source_region& source) {
  return source.path && source.path->starts_with(setting_mark);
}

std::string where(const toml::source_region& source, const std::string& path) {
  if (from_setting(source)) return *source.path;
  if (!source.begin) return path;
  return path + ":" + std::to_string(source.begin.line) + ":" + std::to_string(source.begin.column);
}

document_value convert(const toml::node&, const std::string& path);

document_table convert_table(const toml::table& table, const std::string& path) {
  document_table entries;
  for (const auto& [key, node] : table) {
    const toml::source_region& source = key.source().begin ? key.source() : node.source();
    entries.push_back({std::string(key.str()), where(source, path), convert(node, path)});
  }
  const auto earlier = [](const document_entry& a, const document_entry& b) {
    return std::pair(a.value.place.line, a.value.place.column)
           < std::pair(b.value.place.line, b.value.place.column);
  };
  std::stable_sort(entries.begin(), entries.end(), earlier);
  return entries;
}

document_value convert(const toml::node& node, const std::string& path) {
  document_value value{where(node.source(), path), {}, {}};
  if (!from_setting(node.source()))
    value.place = {node.source().begin.line, node.source().begin.column};
  if (const toml::table* table = node.as_table()) {
    value.content = convert_table(*table, path);
  } else if (const toml::array* array = node.as_array()) {
    document_list list;
    for (const toml::node& element : *array) list.push_back(convert(element, path));
    value.content = std::move(list);
  } else if (const auto* text = node.as_string()) {
    value.content = text->get();
  } else if (const auto* number = node.as_integer()) {
    value.content = number->get();
  } else if (const auto* boolean = node.as_boolean()) {
    value.content = boolean->get();
  } else {
    value.content =
        document_other{node.is_floating_point() ? "a number with a fraction" : "a date or a time"};
  }
  return value;
}

toml::table parse_file(const std::string& text, const std::string& path) {
  try {
    return toml::parse(std::string_view(text), path);
  } catch (const toml::parse_error& e) {
    // The message may end in the text it stumbled over, and that in a secret.
    const std::string_view description = e.description();
    throw error(error_kind::usage, std::string(description.substr(0, description.find(", saw "))),
                where(e.source(), path), "the pipeline file must be TOML in UTF-8");
  }
}

toml::table parse_setting_value(const std::string& place, const std::string& value) {
  try {
    toml::table parsed = toml::parse("value = " + value, place);
    if (parsed.size() == 1) return parsed;
  } catch (const toml::parse_error&) {
    // Not TOML, so it is a bare string.
  }
  std::ostringstream quoted;
  quoted << "value = " << toml::value<std::string>(value);
  return toml::parse(quoted.str(), place);
}

[[noreturn]] void refuse_setting(const std::string& place, const std::string& what) {
  throw error(error_kind::usage, what, place,
              "write --set key=value, for instance --set checkpoint.interval=100ms");
}

/// `key.key=value` taken apart; a dot or an equals sign within double quotes belongs to its key.
struct setting_parts {
  std::string name; ///< as it was written
  std::vector<std::string> keys{1};
  std::string value;
};

setting_parts take_apart(const std::string& setting) {
  setting_parts parts;
  bool quoted = false;
  std::size_t i = 0;
  for (; i < setting.size() && (quoted || setting[i] != '='); ++i) {
    if (setting[i] == '"')
      quoted = !quoted;
    else if (setting[i] == '.' && !quoted)
      parts.keys.emplace_back();
    else
      parts.keys.back() += setting[i];
  }
  parts.name = setting.substr(0, i);
  const bool whole =
      i < setting.size() && std::find(parts.keys.begin(), parts.keys.end(), "") == parts.keys.end();
  if (!whole)
    refuse_setting(std::string(setting_mark) + parts.name, "a setting needs a key and a value");
  parts.value = setting.substr(i + 1);
  return parts;
}

void apply_setting(toml::table& root, const std::string& setting) {
  const setting_parts parts = take_apart(setting);
  const std::string place = std::string(setting_mark) + parts.name;
  toml::table* table = &root;
  for (std::size_t i = 0; i + 1 < parts.keys.size(); ++i) {
    const std::string& key = parts.keys[i];
    if (!table->contains(key)) {
      toml::table made = toml::parse("value = {}", place);
      table->insert_or_assign(key, std::move(*made.get_as<toml::table>("value")));
    }
    table = table->get_as<toml::table>(key);
    if (!table) refuse_setting(place, "`" + key + "` is not a section");
  }
  toml::table parsed = parse_setting_value(place, parts.value);
  parsed.get("value")->visit(
      [&](auto& value) { table->insert_or_assign(parts.keys.back(), std::move(value)); });
}

} // namespace

std::string_view document_value::type() const {
  if (as<std::string>()) return "a string";
  if (as<std::int64_t>()) return "an integer";
  if (as<bool>()) return "a boolean";
  if (as<document_list>()) return "a list";
  if (as<document_table>()) return "a section";
  return std::get<document_other>(content).type;
}

const document_value* find(const document_table& table, std::string_view key) {
  for (const document_entry& entry : table)
    if (entry.key == key) return &entry.value;
  return nullptr;
}

std::string read_whole_file(const std::filesystem::path& path, const std::string& subject,
                            const std::string& place) {
  const auto refuse = [&](const std::string& why) {
    throw error(error_kind::usage, subject + " cannot be read: " + why, place,
                "check the path and its permissions");
  };
  std::error_code ignored;
  if (std::filesystem::is_directory(path, ignored)) refuse("it is a directory");
  errno = 0;
  std::ifstream in(path, std::ios::binary);
  if (!in) refuse(std::strerror(errno));
  std::string content;
  std::array<char, 1U << 14> block;
  while (in && content.size() <= largest_file) {
    in.read(block.data(), block.size());
    content.append(block.data(), static_cast<std::size_t>(in.gcount()));
  }
  if (content.size() > largest_file) refuse("it is larger than 16 MiB");
  return content;
}

document_value read_document(const std::filesystem::path& path,
                             const std::vector<std::string>& settings) {
  const std::string name = path.string();
  toml::table root = parse_file(read_whole_file(path, "the pipeline file", name), name);
  if (root.empty())
    throw error(error_kind::usage, "the pipeline file is empty", name,
                "`leat help config` lists what it holds");
  for (const std::string& setting : settings) apply_setting(root, setting);
  return {name, {}, convert_table(root, name)};
}

} // namespace leat
