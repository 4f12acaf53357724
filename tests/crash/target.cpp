#include "tests/crash/target.hpp"

namespace leat::test {

std::string target::quoted(const std::string& name) const {
  std::string result = "\"";
  for (const char c : name) result += c == '"' ? "\"\"" : std::string(1, c);
  return result + "\"";
}

} // namespace leat::test
