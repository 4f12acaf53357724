#pragma once

#include <string>

namespace leat {

/// A text behind its length, "4:name": it may hold anything, and no name can look like two.
inline std::string counted(const std::string& text) {
  return std::to_string(text.size()) + ":" + text;
}

} // namespace leat
