#include "plugins/transforms/elements.hpp"

#include <algorithm>

#include <nlohmann/json.hpp>

namespace leat::transforms {

namespace {

bool is_space(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && is_space(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_space(text.back())) text.remove_suffix(1);
  return text;
}

/// What stands between the commas of the outermost level.
std::vector<std::string_view> split(std::string_view inside, std::string_view open,
                                    std::string_view close) {
  std::vector<std::string_view> parts;
  if (trimmed(inside).empty()) return parts;
  std::size_t begin = 0;
  int depth = 0;
  bool quoted = false;
  for (std::size_t i = 0; i < inside.size(); ++i) {
    const char c = inside[i];
    if (c == '\\') {
      ++i;
    } else if (c == '"') {
      quoted = !quoted;
    } else if (!quoted) {
      if (open.find(c) != std::string_view::npos) ++depth;
      if (close.find(c) != std::string_view::npos) --depth;
      if (c != ',' || depth != 0) continue;
      parts.push_back(inside.substr(begin, i - begin));
      begin = i + 1;
    }
  }
  parts.push_back(inside.substr(begin));
  return parts;
}

} // namespace

std::optional<element_list> json_elements(std::string_view text) {
  text = trimmed(text);
  if (!nlohmann::json::accept(text) || text.front() != '[') return std::nullopt;
  element_list out;
  for (auto part : split(text.substr(1, text.size() - 2), "[{", "]}")) {
    part = trimmed(part);
    if (part == "null")
      out.emplace_back();
    else if (part.front() == '"')
      out.emplace_back(nlohmann::json::parse(part).get<std::string>());
    else
      out.emplace_back(part);
  }
  return out;
}

std::optional<element_list> array_elements(std::string_view text) {
  // Bounds stand before an array that does not begin at 1: "[0:1]={a,b}".
  if (text.starts_with('[')) text.remove_prefix(std::min(text.find('{'), text.size()));
  if (text.size() < 2 || text.front() != '{' || text.back() != '}') return std::nullopt;
  element_list out;
  for (const auto part : split(text.substr(1, text.size() - 2), "{", "}")) {
    if (part == "NULL") {
      out.emplace_back();
      continue;
    }
    if (part.empty() || part.front() != '"') {
      out.emplace_back(part);
      continue;
    }
    std::string plain;
    for (std::size_t i = 1; i + 1 < part.size(); ++i) {
      if (part[i] == '\\') ++i;
      plain += part[i];
    }
    out.emplace_back(std::move(plain));
  }
  return out;
}

} // namespace leat::transforms
