#include "dataflow/options.hpp"

#include <sstream>

#include "dataflow/error.hpp"
#include "dataflow/nearest_name.hpp"

namespace leat {

namespace {

constexpr std::string_view introduction =
    R"(# Configuration

The pipeline file is TOML. This page is made from leat's own option declarations; `leat help config KEY`
prints the same.

- Durations and sizes are strings with a unit: `"500ms"`, `"10s"`, `"5m"`, `"2h"`; `"64KiB"`, `"1GiB"`.
- `${VAR}` in any string is replaced from the environment; `$${` stands for `${` itself. A variable that
  is not set is an error.
- Relative paths begin at the directory of the file.
- An unknown key, a wrong type or a value out of bounds is an error with file, line and column.
- Secrets are given as `password = "${VAR}"`, as `password_file`, or in libpq's passfile. None is printed
  or logged.
- `leat run FILE --set key=value` puts a value over the file's: `--set checkpoint.interval=100ms`,
  `--set sink.dwh.path=other.db`.
)";

std::string heading(const option_section& section) {
  const std::string name(section.name);
  if (!section.variant.empty())
    return "[" + name + "], type = \"" + std::string(section.variant) + "\"";
  return section.written_as == option_section::form::array_of_tables ? "[[" + name + "]]"
                                                                     : "[" + name + "]";
}

std::string type_text(const option& declared) {
  switch (declared.kind) {
  case option_kind::path:
    return "path";
  case option_kind::secret_file:
    return "path";
  case option_kind::duration:
    return "duration";
  case option_kind::size:
    return "size";
  case option_kind::integer:
    return "integer";
  case option_kind::boolean:
    return "boolean";
  case option_kind::list:
    return declared.one_or_many ? "string or list" : "list of strings";
  case option_kind::map:
    return "table of strings";
  case option_kind::columns:
    return "list of strings and tables";
  case option_kind::choice:
    return join_names({declared.choices.begin(), declared.choices.end()});
  default:
    return "string";
  }
}

std::string bounds_text(const option& declared) {
  const bool bounded = declared.kind == option_kind::duration || declared.kind == option_kind::size
                       || declared.kind == option_kind::integer;
  if (!bounded) return "";
  const std::string least = format_number(declared.kind, declared.least);
  if (declared.most == option{}.most) return ", at least " + least;
  return ", " + least + " to " + format_number(declared.kind, declared.most);
}

std::string default_text(const option& declared) {
  if (declared.required) return "required";
  if (declared.fallback.empty()) return "";
  const std::string text(declared.fallback);
  return declared.kind == option_kind::integer ? text : "\"" + text + "\"";
}

std::string notes_text(const option& declared) {
  std::string notes;
  if (!declared.store) notes += " Not available in this version.";
  if (!declared.later_choices.empty())
    notes += " Not available in this version: "
             + join_names({declared.later_choices.begin(), declared.later_choices.end()}, "and")
             + ".";
  if (!declared.connectors.empty())
    notes += " Connector " + join_names({declared.connectors.begin(), declared.connectors.end()})
             + " only.";
  return notes;
}

void write_row(std::ostream& out, const option& declared) {
  const std::string fallback = default_text(declared);
  const bool code = !fallback.empty() && !declared.required;
  out << "| `" << declared.name << "` | " << type_text(declared) << bounds_text(declared) << " | "
      << (code ? "`" + fallback + "`" : fallback) << " | " << declared.sentence
      << notes_text(declared) << " |\n";
}

/// `sink.NAME.on_value` as people write it: `sink.on_value`; of a type: `transform.mask`.
std::string without_placeholder(const option_section& section) {
  std::string plain(section.name);
  if (const std::size_t at = plain.find(".NAME"); at != std::string::npos) plain.erase(at, 5);
  if (!section.variant.empty()) plain += "." + std::string(section.variant);
  return plain;
}

void write_section_help(std::ostream& out, const option_section& section) {
  out << heading(section) << "\n  " << section.sentence << "\n";
  if (section.reserved) out << "  Not available in this version.\n";
  for (const option& declared : section.options) {
    out << "\n  " << declared.name << ": " << type_text(declared) << bounds_text(declared);
    if (const std::string fallback = default_text(declared); !fallback.empty())
      out << (declared.required ? ", " : ", default ") << fallback;
    out << "\n      " << declared.sentence << notes_text(declared) << "\n";
  }
}

std::string option_help(const option_section& section, const option& declared) {
  std::ostringstream out;
  out << section.name << "." << declared.name << "\n  " << declared.sentence << notes_text(declared)
      << "\n  type:    " << type_text(declared) << bounds_text(declared) << "\n";
  if (const std::string fallback = default_text(declared); !fallback.empty())
    out << "  default: " << fallback << "\n";
  return out.str();
}

} // namespace

std::string config_reference() {
  std::ostringstream out;
  out << introduction;
  for (const option_section& section : option_sections()) {
    out << "\n## " << heading(section) << "\n\n" << section.sentence << "\n";
    if (section.reserved) out << "\nNot available in this version.\n";
    if (section.options.empty()) continue;
    out << "\n| key | type | default | meaning |\n|---|---|---|---|\n";
    for (const option& declared : section.options) write_row(out, declared);
  }
  return out.str();
}

std::string help_key(const option_section& section) {
  return section.variant.empty() ? std::string(section.name) : without_placeholder(section);
}

std::string config_help(std::string_view key) {
  std::ostringstream out;
  std::vector<std::string> known;
  for (const option_section& section : option_sections()) {
    const std::string plain = without_placeholder(section);
    if (key.empty()) {
      if (&section != &option_sections().front()) out << "\n";
      write_section_help(out, section);
      continue;
    }
    known.push_back(plain);
    const bool inner = plain.starts_with(std::string(key) + ".");
    const bool whole = key == section.name;
    if (key == plain || whole || inner) {
      if (out.tellp() > 0) out << "\n";
      write_section_help(out, section);
    }
    for (const option& declared : section.options) {
      const std::string name = "." + std::string(declared.name);
      known.push_back(plain + name);
      if (key == plain + name
          || (section.variant.empty() && key == std::string(section.name) + name))
        return option_help(section, declared);
    }
  }
  if (const std::string text = out.str(); !text.empty()) return text;
  const std::vector<std::string> near = nearest_names(key, known, 3);
  throw error(error_kind::usage, "there is no option `" + std::string(key) + "`",
              "leat help config",
              near.empty() ? "`leat help config` lists all options"
                           : "did you mean " + join_names(near) + "?");
}

} // namespace leat
