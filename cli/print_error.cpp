#include <cstdio>

#include "cli/commands.hpp"

namespace leat::cli {

void print_error(const std::string& what, const std::string& where, const std::string& remedy) {
  std::string text = "leat: error: " + what;
  if (!where.empty()) text += " (" + where + ")";
  text += "\n";
  if (!remedy.empty()) text += "  remedy: " + remedy + "\n";
  std::fputs(text.c_str(), stderr);
}

} // namespace leat::cli
