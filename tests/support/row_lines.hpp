#pragma once

#include <string>

#include "tests/support/pg_session.hpp"

namespace leat::test {

/// "a|b|NULL": a line a row, joined by spaces.
inline std::string lines_of(const text_rows& rows) {
  std::string text;
  for (const auto& cells : rows) {
    if (!text.empty()) text += ' ';
    for (std::size_t i = 0; i < cells.size(); ++i)
      text += (i ? "|" : "") + cells[i].value_or("NULL");
  }
  return text;
}

} // namespace leat::test
