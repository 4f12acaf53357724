#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace leat {

/// `schema.table` of `source.tables` and `route.from`. `*` stands for any text and `?` for one
/// character, within the schema or within the table. A leading `!` excludes. Names are compared
/// exactly, upper and lower case apart; a name with a dot, a star or a quote in it is written in
/// double quotes: "a.b"."we""ird".
class table_pattern {
 public:
  /// Throws leat::error of kind usage, its place empty, when the text is not a pattern.
  explicit table_pattern(std::string text);

  const std::string& text() const noexcept { return text_; }
  bool excludes() const noexcept { return excludes_; }
  /// Without * and ?: it names one table.
  bool names_one() const noexcept { return names_one_; }
  /// `schema.table` without quotes, as table_schema::qualified_name() has it; only of names_one().
  std::string name() const;
  /// Whether the names fit, whatever excludes() says.
  bool fits(std::string_view schema, std::string_view table) const;
  /// What each * and ? stands for in a name that fits, in their order; a star takes as little as it
  /// can.
  std::vector<std::string> captures(std::string_view schema, std::string_view table) const;

 private:
  /// One character of a name, or a wildcard.
  struct glyph {
    enum class kind : std::uint8_t { literal, one, any };
    kind what = kind::literal;
    char byte = 0;
  };
  static bool fits(std::span<const glyph>, std::string_view name);
  static void capture(std::span<const glyph>, std::string_view name, std::vector<std::string>&);
  static std::string literal(const std::vector<glyph>&);

  std::string text_;
  std::vector<glyph> schema_;
  std::vector<glyph> table_;
  bool excludes_ = false;
  bool names_one_ = true;
};

/// Throws like the constructor; the place is empty.
std::vector<table_pattern> parse_table_patterns(const std::vector<std::string>&);

/// What a text names that stands for one table, as table_schema::qualified_name() has it: the text
/// of a pattern that names one (public."a.b"), or that name itself.
std::string named_table(const std::string& text);

/// The pattern that names this one table, as a TOML string.
std::string toml_pattern(std::string_view schema, std::string_view table, bool excludes = false);

/// The last pattern that fits decides; a table that none fits is not selected.
bool selects(std::span<const table_pattern>, std::string_view schema, std::string_view table);

} // namespace leat
