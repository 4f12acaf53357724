#include "plugins/starrocks/timeouts.hpp"

#include <gtest/gtest.h>

#include <fstream>
#include <string>
#include <vector>

// docs/starrocks.md has the timeouts in a table, in the order of the header.

namespace leat::starrocks {
namespace {

std::string text_of(std::chrono::seconds time) {
  const auto n = time.count();
  if (n % 3600 == 0) return std::to_string(n / 3600) + " h";
  return n % 60 == 0 ? std::to_string(n / 60) + " min" : std::to_string(n) + " s";
}

std::vector<std::string> last_column_under(const std::string& heading) {
  std::ifstream page(std::string(LEAT_SOURCE_DIRECTORY) + "/docs/starrocks.md");
  std::vector<std::string> found;
  bool here = false;
  for (std::string line; std::getline(page, line);) {
    if (line.starts_with("## ")) here = line == heading;
    if (!here || !line.starts_with("| ") || line.starts_with("| what")) continue;
    const auto from = line.rfind(" | ") + 3;
    found.push_back(line.substr(from, line.size() - from - 2));
  }
  return found;
}

TEST(StarrocksTimeouts, AreThoseOfThePage) {
  using namespace timeouts;
  const std::vector<std::chrono::seconds> all{
      connect,        silent_host, answer,       redirect, go_ahead,         load,
      prepare,        commit,      publish,      visible,  open_transaction, new_leader,
      other_sessions, statement,   schema_change};
  std::vector<std::string> texts;
  for (const auto t : all) texts.push_back(text_of(t));
  EXPECT_EQ(last_column_under("## How long leat waits"), texts);
}

} // namespace
} // namespace leat::starrocks
