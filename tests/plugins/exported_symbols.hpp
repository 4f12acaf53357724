#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <sstream>
#include <string>
#include <vector>

#include "tests/support/process.hpp"

namespace leat::test {

/// The symbols that an object exports, as nm prints them: "T leat_plugin_entry".
inline std::vector<std::string> exported_symbols(const std::filesystem::path& object) {
  const auto done = run({LEAT_NM, "-D", "--defined-only", "-C", object.string()});
  EXPECT_EQ(done.status.code, 0) << done.err;
  std::vector<std::string> symbols;
  std::istringstream lines(done.out);
  for (std::string line; std::getline(lines, line);)
    if (const auto at = line.find(' '); at != std::string::npos)
      symbols.push_back(line.substr(at + 1));
  return symbols;
}

} // namespace leat::test
