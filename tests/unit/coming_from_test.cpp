#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <regex>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "dataflow/options.hpp"

// docs/coming-from.md names keys of the pipeline file: in the second column of its tables, as
// section.key.

namespace leat {
namespace {

std::ifstream file(const char* name) {
  return std::ifstream(std::filesystem::path(LEAT_SOURCE_DIRECTORY) / name);
}

std::vector<std::string> second_columns() {
  auto page = file("docs/coming-from.md");
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

/// Heading -> words in the first columns of its tables.
std::map<std::string, std::vector<std::string>> first_columns() {
  std::map<std::string, std::vector<std::string>> all;
  auto page = file("docs/coming-from.md");
  std::string heading;
  const std::regex word("[A-Za-z0-9_.*<>-]+");
  for (std::string line; std::getline(page, line);) {
    if (line.starts_with("## ")) heading = line.substr(3);
    if (!line.starts_with("|") || line.starts_with("|---")) continue;
    const auto cell = line.substr(1, line.find(" | ", 1) - 1);
    for (std::sregex_iterator at(cell.begin(), cell.end(), word), end; at != end; ++at)
      all[heading].push_back(at->str());
  }
  return all;
}

/// A * stands for anything.
bool stands_for(std::string_view word, std::string_view option) {
  const auto star = word.find('*');
  if (star == word.npos) return word == option;
  const auto before = word.substr(0, star);
  const auto behind = word.substr(star + 1);
  return before.size() + behind.size() > 0 && option.size() >= before.size() + behind.size()
         && option.starts_with(before) && option.ends_with(behind);
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

TEST(ComingFrom, HasARowForEachOptionOfThePeers) {
  const auto words = first_columns();
  auto list = file("tests/documentation/peers_options.txt");
  std::string heading;
  std::size_t options = 0;
  for (std::string line; std::getline(list, line);) {
    if (line.starts_with("## ")) heading = line.substr(3);
    if (line.empty() || line.starts_with("#")) continue;
    ++options;
    ASSERT_TRUE(words.contains(heading)) << heading;
    const auto& there = words.at(heading);
    EXPECT_TRUE(std::ranges::any_of(there, [&](const auto& w) { return stands_for(w, line); }))
        << "docs/coming-from.md has no row for " << line << " under " << heading;
  }
  EXPECT_GT(options, 250u);
}

} // namespace
} // namespace leat
