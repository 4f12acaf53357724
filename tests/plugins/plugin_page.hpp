#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "tests/support/process.hpp"
#include "tests/support/temp_directory.hpp"

namespace leat::test {

/// The fenced block of a language that follows a text of docs/plugins.md.
inline std::string page_block(const std::string& behind, const std::string& language) {
  const auto page = read_file(std::filesystem::path(LEAT_SOURCE_DIRECTORY) / "docs/plugins.md");
  const auto fence = "```" + language + "\n";
  const auto begins = page.find(fence, page.find(behind)) + fence.size();
  return page.substr(begins, page.find("\n```", begins) + 1 - begins);
}

/// The words of each line.
inline std::vector<std::vector<std::string>> commands_of(const std::string& block) {
  std::vector<std::vector<std::string>> out;
  std::istringstream lines(block);
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    out.emplace_back();
    for (std::string word; words >> word;) out.back().push_back(word);
  }
  return out;
}

/// Saves a source of the page and compiles it as the page says, where there is nothing of leat but
/// its two headers. Gives the object.
inline std::filesystem::path build_from_page(const std::string& file,
                                             const std::filesystem::path& directory) {
  namespace fs = std::filesystem;
  const temp_directory headers;
  fs::create_directories(headers / "leat");
  for (const auto* name : {"plugin.h", "plugin.hpp"})
    fs::copy_file(fs::path(LEAT_SOURCE_DIRECTORY) / "include/leat" / name, headers / "leat" / name);
  std::ofstream(directory / file) << page_block("`" + file + "`",
                                                file.ends_with(".c") ? "c" : "cpp");
  auto command = commands_of(page_block("`" + file + "`", "sh")).at(0);
  EXPECT_THAT(command[0], testing::AnyOf("gcc", "g++"));
  command[0] = command[0] == "gcc" ? LEAT_C_COMPILER : LEAT_CXX_COMPILER;
  for (const auto* more : {"-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Wshadow", "-Werror"})
    command.emplace_back(more);
  process_options o;
  o.directory = directory;
  o.environment["CPATH"] = headers.path().string();
  const auto done = run(command, o);
  EXPECT_EQ(done.status.code, 0) << done.err;
  return directory / (fs::path(file).stem().string() + ".so");
}

} // namespace leat::test
