#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "dataflow/expressions/numeric.hpp"

namespace leat::sql {

/// A JSON text taken apart. `raw` is the value as it is written, within the text that was parsed.
struct json_value {
  enum class kind : std::uint8_t { null, boolean, number, string, array, object };
  kind what = kind::null;
  std::string_view raw;
  bool truth = false;
  std::string text; ///< of a string, without escapes
  numeric number;
  std::vector<json_value> items;
  std::vector<std::pair<std::string, json_value>> members;

  const json_value* find(std::string_view key) const;
  /// Negative numbers count from the end.
  const json_value* at(std::int64_t index) const;
};

/// Throws evaluation_error: invalid input syntax for type json. `numbers`: read them too; with it
/// \u0000 is refused, as by jsonb.
json_value parse_json(std::string_view, bool numbers);
void check_json(std::string_view);

/// As jsonb prints: keys by length and bytes, each once, numbers without exponents.
std::string canonical_json(std::string_view);
void print_json(const json_value&, std::string& out);
void quote_json(std::string_view, std::string& out);

/// What `->>` gives; nothing for null.
std::optional<std::string> json_as_text(const json_value&, bool jsonb);
/// `@>` of jsonb.
bool json_contains(const json_value& whole, const json_value& part, bool top = true);
bool json_equal(const json_value&, const json_value&);
const char* json_type_name(const json_value&);

} // namespace leat::sql
