#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "tests/support/pipeline_fixture.hpp"

namespace leat::test {
namespace {

/// The fenced blocks of a language, in order.
std::vector<std::string> blocks(const std::string& markdown, const std::string& language) {
  std::vector<std::string> out;
  std::istringstream lines(markdown);
  bool inside = false;
  for (std::string line; std::getline(lines, line);) {
    if (line == "```" + language) {
      inside = true;
      out.emplace_back();
    } else if (line == "```") {
      inside = false;
    } else if (inside) {
      out.back() += line + "\n";
    }
  }
  return out;
}

/// A database of its own, so that `public.*` is what the page says.
class Readme : public pipeline_fixture {};

TEST_F(Readme, TheTourWorksAsItStands) {
  const auto page = read_file(std::filesystem::path(LEAT_SOURCE_DIRECTORY) / "README.md");
  const auto tables = blocks(page, "sql");
  const auto files = blocks(page, "toml");
  const auto commands = blocks(page, "sh");
  ASSERT_EQ(tables.size(), 1u);
  ASSERT_EQ(files.size(), 1u);
  ASSERT_EQ(commands.size(), 3u);

  server().create_database("readme");
  server().execute(tables[0], "readme");
  auto file = files[0];
  const std::string url = "postgresql://leat@localhost:5432/shop";
  ASSERT_NE(file.find(url), std::string::npos);
  auto here = server().url("readme");
  const std::string owner = "user=postgres";
  ASSERT_NE(here.find(owner), std::string::npos);
  file.replace(file.find(url), url.size(),
               here.replace(here.find(owner), owner.size(), "user=leat"));
  std::ofstream(directory() / "shop.toml") << file;

  process_options in_directory;
  in_directory.directory = directory();
  for (const auto& block : commands) {
    std::istringstream lines(block);
    for (std::string line; std::getline(lines, line);) {
      std::vector<std::string> command;
      std::istringstream words(line);
      for (std::string word; words >> word;) command.push_back(word);
      ASSERT_EQ(command.at(0), "leat");
      command[0] = leat_program();
      const auto done = run(command, in_directory);
      EXPECT_EQ(done.status.code, 0) << line << "\n" << done.out << done.err;
    }
  }
  EXPECT_TRUE(std::filesystem::exists(directory() / "shop.db"));
  EXPECT_EQ(
      server().value("SELECT count(*) FROM pg_replication_slots WHERE slot_name = 'leat_shop'"),
      "0");
}

} // namespace
} // namespace leat::test
