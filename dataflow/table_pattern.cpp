#include "dataflow/table_pattern.hpp"

#include <algorithm>
#include <optional>

#include "dataflow/error.hpp"

namespace leat {

namespace {

[[noreturn]] void fail(const std::string& text, const std::string& why) {
  throw error(
      error_kind::usage, "`" + text + "` is not a table pattern: " + why, "",
      R"(write schema.table, "public.*", "!public.audit_*"; names with dots in double quotes)");
}

/// Bytes of the UTF-8 character that begins here; 1 for what is not UTF-8.
std::size_t character_size(std::string_view rest) {
  const auto first = static_cast<unsigned char>(rest.front());
  const std::size_t size = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : first >= 0xc0 ? 2 : 1;
  return std::min(size, rest.size());
}

} // namespace

table_pattern::table_pattern(std::string text) : text_(std::move(text)) {
  std::string_view rest = text_;
  if (rest.starts_with('!')) {
    excludes_ = true;
    rest.remove_prefix(1);
  }
  std::vector<glyph>* part = &schema_;
  bool quoted = false;
  for (std::size_t i = 0; i < rest.size(); ++i) {
    const char c = rest[i];
    // A quote in the midst of a bare name is part of the name.
    if (c == '"' && (quoted || part->empty())) {
      const bool doubled = quoted && i + 1 < rest.size() && rest[i + 1] == '"';
      if (!doubled) {
        quoted = !quoted;
        continue;
      }
      ++i;
    } else if (!quoted && c == '.') {
      if (part == &table_) fail(text_, "it has more than one dot outside of double quotes");
      part = &table_;
      continue;
    } else if (!quoted && (c == '*' || c == '?')) {
      names_one_ = false;
      part->push_back({c == '*' ? glyph::kind::any : glyph::kind::one, 0});
      continue;
    }
    part->push_back({glyph::kind::literal, c});
  }
  if (quoted) fail(text_, "a double quote is not closed");
  if (part == &schema_) fail(text_, "the schema is missing");
  if (schema_.empty() || table_.empty()) fail(text_, "a name is empty");
}

std::string table_pattern::literal(const std::vector<glyph>& part) {
  std::string name;
  for (const glyph& g : part) name += g.byte;
  return name;
}

std::string table_pattern::name() const { return literal(schema_) + "." + literal(table_); }

bool table_pattern::fits(std::string_view schema, std::string_view table) const {
  return fits(schema_, schema) && fits(table_, table);
}

// Greedy with one place to come back to, so that hostile patterns cost no more than length times
// length.
bool table_pattern::fits(std::span<const glyph> pattern, std::string_view name) {
  std::size_t p = 0, n = 0;
  std::optional<std::size_t> star;
  std::size_t star_name = 0;
  while (n < name.size()) {
    if (p < pattern.size() && pattern[p].what == glyph::kind::any) {
      star = p++;
      star_name = n;
    } else if (p < pattern.size() && pattern[p].what == glyph::kind::one) {
      n += character_size(name.substr(n));
      ++p;
    } else if (p < pattern.size() && pattern[p].byte == name[n]) {
      ++n;
      ++p;
    } else if (star) {
      star_name += character_size(name.substr(star_name));
      n = star_name;
      p = *star + 1;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p].what == glyph::kind::any) ++p;
  return p == pattern.size();
}

std::vector<table_pattern> parse_table_patterns(const std::vector<std::string>& texts) {
  std::vector<table_pattern> patterns;
  for (const std::string& text : texts) patterns.emplace_back(text);
  return patterns;
}

void table_pattern::capture(std::span<const glyph> pattern, std::string_view name,
                            std::vector<std::string>& out) {
  while (!pattern.empty()) {
    const auto kind = pattern.front().what;
    pattern = pattern.subspan(1);
    std::size_t taken = 1;
    if (kind == glyph::kind::any)
      for (taken = 0; taken < name.size() && !fits(pattern, name.substr(taken));) ++taken;
    if (kind != glyph::kind::literal) out.emplace_back(name.substr(0, taken));
    name.remove_prefix(std::min(taken, name.size()));
  }
}

std::vector<std::string> table_pattern::captures(std::string_view schema,
                                                 std::string_view table) const {
  std::vector<std::string> out;
  capture(schema_, schema, out);
  capture(table_, table, out);
  return out;
}

std::string named_table(const std::string& text) {
  try {
    const table_pattern pattern(text);
    return pattern.names_one() && !pattern.excludes() ? pattern.name() : text;
  } catch (const error&) {
    return text; // c.d of schema public, say
  }
}

std::string toml_pattern(std::string_view schema, std::string_view table, bool excludes) {
  const auto part = [](std::string_view name) {
    const bool plain = name.find_first_of(".*?\"! ") == name.npos;
    if (plain) return std::string(name);
    std::string quoted = "\"";
    for (const char c : name) quoted += c == '"' ? "\"\"" : std::string(1, c);
    return quoted + "\"";
  };
  auto text = excludes ? std::string("!") : std::string();
  text += part(schema);
  text += '.';
  text += part(table);
  const bool literal = text.find_first_of("\"\\") != text.npos;
  const char quote = literal ? '\'' : '"';
  return quote + text + quote;
}

bool selects(std::span<const table_pattern> patterns, std::string_view schema,
             std::string_view table) {
  bool selected = false;
  for (const table_pattern& pattern : patterns)
    if (pattern.fits(schema, table)) selected = !pattern.excludes();
  return selected;
}

} // namespace leat
