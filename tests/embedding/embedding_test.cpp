#include <gtest/gtest.h>

#include <fstream>

#include "tests/support/pg_server.hpp"
#include "tests/support/process.hpp"
#include "tests/support/sqlite_reader.hpp"
#include "tests/support/temp_directory.hpp"

namespace leat::test {
namespace {

TEST(Embedding, AHostRunsTwoPipelinesInItsOwnActorSystemAndDropsARunningOne) {
  pg_server server;
  server.create_database("shop");
  server.execute("CREATE TABLE t (id int PRIMARY KEY, name text)", "shop");
  server.execute("INSERT INTO t SELECT i, 'row ' || i FROM generate_series(1, 1000) i", "shop");
  temp_directory directory;
  std::vector<std::string> command{EMBEDDING_HOST};
  for (const std::string name : {"one", "two"}) {
    command.push_back(directory / (name + ".toml"));
    std::ofstream(command.back())
        << "[pipeline]\nname = \"" << name << "\"\n[checkpoint]\ninterval = \"100ms\"\n"
        << "[source]\nurl = \"" << server.url("shop")
        << "\"\ntables = [\"public.*\"]\n[sink.lite]\nconnector = \"sqlite\"\n"
        << "path = \"" << name << ".db\"\n";
  }
  const auto host = run(command, {}, std::chrono::seconds(90));
  EXPECT_EQ(host.status.code, 0) << host.err;
  for (const char* file : {"one.db", "two.db"}) {
    sqlite_reader target(directory / file);
    EXPECT_EQ(target.query("SELECT count(*), max(name) FROM t"),
              (text_rows{text_row{"1000", "row 999"}}));
  }
}

} // namespace
} // namespace leat::test
