#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <regex>
#include <sstream>
#include <string>
#include <vector>

#include "dataflow/options.hpp"

// docs/coming-from.md names keys of the pipeline file: in the second column of its tables, as
// section.key.

namespace leat {
namespace {

std::vector<std::string> second_columns() {
  std::ifstream page(std::filesystem::path(LEAT_SOURCE_DIRECTORY) / "docs" / "coming-from.md");
  std::vector<std::string> cells;
  for (std::string line; std::getline(page, line);) {
    if (!line.starts_with("|") || line.starts_with("|---")) continue;
    const auto first = line.find(" | ", 1);
    const auto second = line.find('|', first + 3);
    if (first != line.npos && second != line.npos)
      cells.push_back(line.substr(first + 3, second - first - 3));
  }
  return cells;
}

bool is_key(const std::string& name) {
  const auto dot = name.rfind('.');
  const auto* section = dot == name.npos ? nullptr : find_section(name.substr(0, dot));
  return section != nullptr && find_option(*section, name.substr(dot + 1)) != nullptr;
}

TEST(ComingFrom, NamesKeysThatThereAre) {
  const std::regex quoted("`([^`]+)`");
  std::size_t keys = 0;
  for (const auto& cell : second_columns())
    for (std::sregex_iterator at(cell.begin(), cell.end(), quoted), end; at != end; ++at, ++keys)
      EXPECT_TRUE(is_key((*at)[1]))
          << "docs/coming-from.md names " << (*at)[1] << ", which is no key";
  EXPECT_GT(keys, 80u);
}

} // namespace
} // namespace leat
