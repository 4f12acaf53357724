#pragma once

#include <string>
#include <string_view>

namespace leat::starrocks {

enum class array_shape : std::uint8_t {
  list,       ///< one dimension from 1, or empty
  not_a_list, ///< several dimensions, or another lower bound
  malformed,
};

/// Goes through the elements of an array as PostgreSQL prints it: `{1,NULL,"a \"b\""}`. Calls
/// take(text, is_null) for each; a text is valid during the call.
template <class Take>
array_shape parse_array(std::string_view text, const Take& take) {
  if (text.starts_with('[')) return array_shape::not_a_list;
  if (text.size() < 2 || text.front() != '{' || text.back() != '}') return array_shape::malformed;
  if (text.size() == 2) return array_shape::list;
  std::string item;
  for (std::size_t i = 1; i < text.size();) {
    item.clear();
    if (text[i] == '{') return array_shape::not_a_list;
    const bool quoted = text[i] == '"';
    if (quoted) ++i;
    const auto ends = [&](char c) { return quoted ? c == '"' : c == ',' || c == '}'; };
    for (; i < text.size() && !ends(text[i]); ++i) {
      if (text[i] == '\\' && ++i == text.size()) return array_shape::malformed;
      item += text[i];
    }
    if (i >= text.size()) return array_shape::malformed;
    if (quoted) ++i;
    if (i >= text.size() || (text[i] != ',' && text[i] != '}')) return array_shape::malformed;
    take(std::string_view(item), !quoted && item == "NULL");
    if (text[i++] == '}') return i == text.size() ? array_shape::list : array_shape::malformed;
  }
  return array_shape::malformed;
}

} // namespace leat::starrocks
