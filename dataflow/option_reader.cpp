#include "dataflow/option_reader.hpp"

#include <algorithm>
#include <charconv>
#include <cstdlib>

#include "dataflow/error.hpp"
#include "dataflow/nearest_name.hpp"
#include "dataflow/option_text.hpp"

namespace leat {

namespace {

std::optional<std::string> environment(const std::string& name) {
  const char* value = std::getenv(name.c_str());
  if (!value) return std::nullopt;
  return value;
}

bool contains(const std::vector<std::string_view>& all, const std::string& one) {
  return std::find(all.begin(), all.end(), one) != all.end();
}

[[noreturn]] void out_of_bounds(const option& declared, bool small, const std::string& where,
                                const std::string& key) {
  const auto number = [&](std::uint64_t n) { return format_number(declared.kind, n); };
  const bool unlimited = declared.most == option{}.most;
  fail_option(
      where, key,
      "the value is out of bounds: it must be "
          + (small ? "at least " + number(declared.least) : "at most " + number(declared.most)),
      "write " + number(declared.least)
          + (unlimited ? " or more" : " to " + number(declared.most)));
}

void check_bounds(const option& declared, std::uint64_t value, const std::string& where,
                  const std::string& key) {
  if (value >= declared.least && value <= declared.most) return;
  out_of_bounds(declared, value < declared.least, where, key);
}

std::uint64_t checked_integer(const option& declared, std::int64_t value, const std::string& where,
                              const std::string& key) {
  if (value < 0) out_of_bounds(declared, true, where, key);
  check_bounds(declared, static_cast<std::uint64_t>(value), where, key);
  return static_cast<std::uint64_t>(value);
}

choice_value choose(const option& declared, const std::string& text, const std::string& where,
                    const std::string& key) {
  const auto& choices = declared.choices;
  const auto found = std::find(choices.begin(), choices.end(), text);
  if (found != choices.end()) return {static_cast<std::size_t>(found - choices.begin()), text};
  const std::vector<std::string> known(choices.begin(), choices.end());
  const std::string name(declared.name);
  if (contains(declared.later_choices, text))
    fail_option(where, key, name + " `" + text + "` is not available in this version",
                "use " + join_names(known));
  const std::vector<std::string> near = nearest_names(text, known);
  fail_option(where, key, "`" + name + "` has no such value",
              (near.empty() ? "" : "did you mean \"" + near.front() + "\"? ") + "use "
                  + join_names(known));
}

} // namespace

void fail_option(const std::string& where, const std::string& key, const std::string& what,
                 const std::string& remedy) {
  throw error(error_kind::usage, what, key.empty() ? where : where + ", " + key, remedy);
}

option_value option_reader::read(const option& declared, const document_value& value,
                                 const std::string& key) const {
  const auto wrong_type = [&](const std::string& expected, const std::string& remedy) {
    fail_option(value.where, key, "expected " + expected + ", not " + std::string(value.type()),
                remedy);
  };
  switch (declared.kind) {
  case option_kind::list:
    return list(declared, value, key);
  case option_kind::map:
    return map(declared, value, key);
  case option_kind::columns:
    return columns(value, key);
  case option_kind::boolean:
    if (!value.as<bool>()) wrong_type("true or false", "write it without quotes");
    return *value.as<bool>();
  case option_kind::integer:
    if (!value.as<std::int64_t>()) wrong_type("an integer", "write a whole number without quotes");
    return checked_integer(declared, *value.as<std::int64_t>(), value.where, key);
  case option_kind::duration:
  case option_kind::size:
    if (!value.as<std::string>())
      wrong_type("a string", "write a number and a unit in quotes, like \""
                                 + std::string(declared.fallback) + "\"");
    break;
  default:
    if (!value.as<std::string>()) wrong_type("a string", "write it in quotes");
  }
  return read_text(declared, text(value, key), value.where, key);
}

option_value option_reader::read_text(const option& declared, const std::string& text,
                                      const std::string& where, const std::string& key) const {
  switch (declared.kind) {
  case option_kind::duration: {
    const auto value = parse_duration(text);
    if (!value)
      fail_option(where, key, "this is not a duration",
                  "write a whole number and a unit (ms, s, m, h), like \"500ms\"");
    check_bounds(declared, static_cast<std::uint64_t>(value->count()), where, key);
    return *value;
  }
  case option_kind::size: {
    const auto value = parse_size(text);
    if (!value)
      fail_option(where, key, "this is not a size",
                  "write a whole number and a unit (B, KiB, MiB, GiB, TiB), like \"64MiB\"");
    check_bounds(declared, *value, where, key);
    return *value;
  }
  case option_kind::integer: {
    std::int64_t value = 0;
    std::from_chars(text.data(), text.data() + text.size(), value);
    return checked_integer(declared, value, where, key);
  }
  case option_kind::choice:
    return choose(declared, text, where, key);
  case option_kind::path:
    return path(declared, text, where, key);
  case option_kind::secret_file: {
    const std::filesystem::path file = path(declared, text, where, key);
    std::string content = read_whole_file(file, "the file", where + ", " + key);
    if (content.ends_with('\n')) content.pop_back();
    return content;
  }
  default:
    break;
  }
  const std::string wrong = declared.check ? declared.check(text) : "";
  if (!wrong.empty()) fail_option(where, key, wrong, std::string(declared.sentence));
  return text;
}

std::string option_reader::text(const document_value& value, const std::string& key) const {
  try {
    return expand_variables(*value.as<std::string>(), environment);
  } catch (const error& e) {
    fail_option(value.where, key, e.what(), e.remedy());
  }
}

std::filesystem::path option_reader::path(const option& declared, const std::string& text,
                                          const std::string& where, const std::string& key) const {
  if (text.empty()) fail_option(where, key, "the path is empty", std::string(declared.sentence));
  if (contains(declared.choices, text)) return text;
  return (directory_ / text).lexically_normal();
}

std::vector<std::string> option_reader::list(const option& declared, const document_value& value,
                                             const std::string& key) const {
  document_list one;
  if (declared.one_or_many && value.as<std::string>()) one.push_back(value);
  const document_list* elements = one.empty() ? value.as<document_list>() : &one;
  if (!elements)
    fail_option(value.where, key, "expected a list of strings, not " + std::string(value.type()),
                "write it as [\"one\", \"two\"]");
  if (declared.required && elements->empty())
    fail_option(value.where, key, "the list is empty", std::string(declared.sentence));
  std::vector<std::string> texts;
  for (const document_value& element : *elements) {
    if (!element.as<std::string>())
      fail_option(element.where, key,
                  "expected a string in the list, not " + std::string(element.type()),
                  "write it in quotes");
    texts.push_back(text(element, key));
    const std::string wrong = declared.check ? declared.check(texts.back()) : "";
    if (!wrong.empty()) fail_option(element.where, key, wrong, std::string(declared.sentence));
  }
  return texts;
}

column_list option_reader::columns(const document_value& value, const std::string& key) const {
  const auto* elements = value.as<document_list>();
  if (!elements)
    fail_option(value.where, key, "expected a list of columns, not " + std::string(value.type()),
                "write it as [\"one\", { name = \"two\", expr = \"one + 1\" }]");
  column_list out;
  for (const document_value& element : *elements) {
    if (element.as<document_table>()) {
      out.computed.push_back(computed(element, key));
      out.names.push_back(out.computed.back().name);
      continue;
    }
    if (!element.as<std::string>())
      fail_option(element.where, key,
                  "expected the name of a column or a table with name and expr, not "
                      + std::string(element.type()),
                  "write it in quotes");
    out.names.push_back(text(element, key));
  }
  return out;
}

computed_column option_reader::computed(const document_value& value, const std::string& key) const {
  computed_column out;
  const std::string remedy =
      "write { name = \"total\", expr = \"price * amount\", type = \"bigint\" }";
  bool typed = false;
  for (const document_entry& entry : *value.as<document_table>()) {
    const bool type = entry.key == "type" || entry.key == "as";
    std::string* place = entry.key == "name"   ? &out.name
                         : entry.key == "expr" ? &out.expr
                         : type                ? &out.type
                                               : nullptr;
    if (place == nullptr)
      fail_option(entry.where, key, "unknown key `" + entry.key + "` of a column", remedy);
    if (type && typed)
      fail_option(entry.where, key, "`as` and `type` mean the same", "leave one of them out");
    typed = typed || type;
    if (!entry.value.as<std::string>())
      fail_option(entry.value.where, key + "." + entry.key,
                  "expected a string, not " + std::string(entry.value.type()),
                  "write it in quotes");
    *place = text(entry.value, key + "." + entry.key);
    if (place->empty())
      fail_option(entry.value.where, key + "." + entry.key, "`" + entry.key + "` is empty", remedy);
  }
  for (const auto& [name, given] : {std::pair("name", &out.name), std::pair("expr", &out.expr)})
    if (given->empty())
      fail_option(value.where, key, std::string("a computed column needs `") + name + "`", remedy);
  if (out.name == "*") fail_option(value.where, key, "`*` is not the name of a column", remedy);
  return out;
}

std::map<std::string, std::string> option_reader::map(const option& declared,
                                                      const document_value& value,
                                                      const std::string& key) const {
  const document_table* table = value.as<document_table>();
  if (!table)
    fail_option(value.where, key, "expected a table, not " + std::string(value.type()),
                "write it as { \"schema.table\" = \"text\" }");
  std::map<std::string, std::string> texts;
  for (const document_entry& entry : *table) {
    const std::string path = key + ".\"" + entry.key + "\"";
    if (!entry.value.as<std::string>())
      fail_option(entry.value.where, path,
                  "expected a string, not " + std::string(entry.value.type()),
                  "write it in quotes");
    const std::string wrong = declared.check ? declared.check(entry.key) : "";
    if (!wrong.empty()) fail_option(entry.where, path, wrong, std::string(declared.sentence));
    texts[entry.key] = text(entry.value, path);
  }
  return texts;
}

} // namespace leat
