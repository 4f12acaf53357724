#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

// Where a library is used, and how long a file is: design decisions that no compiler holds.

namespace leat {
namespace {

namespace fs = std::filesystem;

const fs::path root = LEAT_SOURCE_DIRECTORY;

struct source_file {
  std::string name; ///< from the root
  std::vector<std::string> lines;
};

std::vector<source_file> read_sources() {
  std::vector<source_file> out;
  for (const char* directory :
       {"actors", "bench", "cli", "dataflow", "examples", "include", "plugins", "state", "tests"})
    for (const auto& entry : fs::recursive_directory_iterator(root / directory)) {
      const auto extension = entry.path().extension();
      if (extension != ".c" && extension != ".cpp" && extension != ".hpp" && extension != ".h")
        continue;
      source_file f{fs::relative(entry.path(), root).generic_string(), {}};
      std::ifstream in(entry.path());
      for (std::string line; std::getline(in, line);) f.lines.push_back(line);
      out.push_back(std::move(f));
    }
  return out;
}

const std::vector<source_file>& sources() {
  static const auto all = read_sources();
  return all;
}

struct home {
  const char* header;              ///< as an include begins
  std::vector<std::string> places; ///< paths begin with one of them
};

bool is_within(const std::string& name, const std::vector<std::string>& places) {
  return std::ranges::any_of(places, [&](const auto& p) { return name.starts_with(p); });
}

class Library : public testing::TestWithParam<home> {};

TEST_P(Library, IsIncludedInItsHomeOnly) {
  const auto include = std::string("#include <") + GetParam().header;
  bool used = false;
  for (const auto& f : sources())
    for (const auto& line : f.lines) {
      if (!line.starts_with(include)) continue;
      used = true;
      EXPECT_TRUE(is_within(f.name, GetParam().places)) << f.name << ": " << line;
    }
  EXPECT_TRUE(used) << "nobody includes it";
}

INSTANTIATE_TEST_SUITE_P(
    Home, Library,
    testing::Values(home{"caf/",
                         {"actors/", "cli/run.cpp", "include/leat/engine.hpp", "tests/", "bench/"}},
                    home{"rocksdb/", {"state/", "tests/"}},
                    home{"libpq-fe.h", {"plugins/postgres/", "tests/", "bench/"}},
                    home{"sqlite3.h", {"plugins/sqlite/", "tests/", "bench/"}},
                    home{"pg_query.h", {"dataflow/expressions/"}},
                    home{"gmpxx.h", {"dataflow/expressions/"}},
                    home{"re2/", {"dataflow/expressions/", "plugins/transforms/"}},
                    home{"openssl/", {"dataflow/expressions/", "plugins/transforms/"}},
                    home{"curl/", {"plugins/starrocks/"}}, home{"mysql.h", {"plugins/starrocks/"}},
                    home{"lz4frame.h", {"plugins/starrocks/compress"}},
                    home{"zstd.h", {"plugins/starrocks/compress"}},
                    home{"zlib.h", {"plugins/starrocks/compress"}},
                    home{"toml++/", {"dataflow/pipeline_file", "tests/"}},
                    home{"dlfcn.h", {"plugins/shared_objects/", "tests/"}},
                    home{"httplib.h", {"actors/status_server", "tests/"}}),
    [](const auto& test) {
      std::string name = test.param.header;
      std::erase_if(name, [](char c) { return std::isalnum(static_cast<unsigned char>(c)) == 0; });
      return name;
    });

TEST(Layout, DirectoriesIncludeOnlyTheOnesBelowThem) {
  const std::vector<std::pair<std::string, std::vector<std::string>>> rules{
      {"dataflow/", {"state/", "plugins/", "actors/", "cli/", "tests/"}},
      {"state/", {"plugins/", "actors/", "cli/", "tests/"}},
      {"plugins/", {"state/", "actors/", "cli/", "tests/"}},
      {"actors/", {"cli/", "tests/"}},
      {"include/", {"dataflow/", "state/", "plugins/", "actors/", "cli/", "tests/"}},
      {"examples/", {"dataflow/", "state/", "plugins/", "actors/", "cli/", "tests/"}},
  };
  for (const auto& f : sources())
    for (const auto& [from, forbidden] : rules) {
      if (!f.name.starts_with(from)) continue;
      for (const auto& line : f.lines)
        for (const auto& to : forbidden)
          EXPECT_FALSE(line.starts_with("#include \"" + to)) << f.name << ": " << line;
    }
}

TEST(Layout, NoFileOfTheProductHasMoreThanSixHundredLines) {
  for (const auto& f : sources()) {
    if (f.name.starts_with("tests/")) continue;
    EXPECT_LE(f.lines.size(), 600u) << f.name;
  }
}

} // namespace
} // namespace leat
