#include "plugins/shared_objects/option_values.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "dataflow/error.hpp"
#include "dataflow/nearest_name.hpp"

namespace leat::shared_objects {

namespace {

using nlohmann::json;

bool fits(const json& value, std::uint32_t kind) {
  switch (kind) {
  case LEAT_OPTION_TEXT:
    return value.is_string();
  case LEAT_OPTION_INTEGER:
    return value.is_number_integer();
  case LEAT_OPTION_BOOLEAN:
    return value.is_boolean();
  case LEAT_OPTION_LIST:
    return value.is_array();
  case LEAT_OPTION_TABLE:
    return value.is_object();
  default:
    return true;
  }
}

const char* name_of(std::uint32_t kind) {
  constexpr const char* names[] = {"a string", "an integer", "true or false", "a list", "a table"};
  return names[kind];
}

} // namespace

std::map<std::string, std::string> read_option_values(const std::string& text, const library& of) {
  std::vector<std::string> known;
  for (const auto& o : of.options()) known.push_back(o.name);
  const auto refuse = [&](const std::string& name, const std::string& what,
                          const std::string& remedy) {
    throw error(error_kind::usage, what, name, remedy);
  };
  const auto options = json::parse(text);
  std::map<std::string, std::string> out;
  for (const auto& [name, value] : options.items()) {
    const auto found = std::find(known.begin(), known.end(), name);
    if (found == known.end()) {
      const auto near = nearest_names(name, known);
      refuse(name, of.label() + " has no option `" + name + "`",
             !near.empty()   ? "did you mean `" + near.front() + "`?"
             : known.empty() ? "it has no options at all"
                             : "it has " + join_names(known, "and"));
    }
    const auto kind = of.options()[static_cast<std::size_t>(found - known.begin())].kind;
    if (!fits(value, kind))
      refuse(name, "`" + name + "` of " + of.label() + " is " + name_of(kind), "correct the value");
    out[name] = value.is_string() ? value.get<std::string>() : value.dump();
  }
  for (const auto& o : of.options())
    if (o.required && !out.contains(o.name))
      refuse(o.name, of.label() + " needs the option `" + o.name + "`", "add it to the section");
  return out;
}

} // namespace leat::shared_objects
