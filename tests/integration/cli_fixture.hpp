#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sqlite3.h>

#include <fstream>
#include <stdexcept>
#include <string>

#include "tests/support/pipeline_fixture.hpp"

namespace leat::test {

/// Exit codes of the binary (interface: "The commands").
enum exit_code : int {
  done = 0,
  found_something = 1,
  usage = 2,
  source_failed = 3,
  sink_failed = 4,
  state_failed = 5
};

inline void write(const std::filesystem::path& file, const std::string& content) {
  std::ofstream(file) << content;
}

/// It ended by itself, with this code, a message that says `what`, and a remedy that says
/// `remedy`.
inline void expect_error(const finished_process& ended, int code, const std::string& what,
                         const std::string& remedy) {
  using testing::HasSubstr;
  EXPECT_FALSE(ended.timed_out) << "it did not end\n" << ended.err;
  EXPECT_EQ(ended.status.code, code) << ended.err;
  const auto at = ended.err.find("leat: error: ");
  ASSERT_NE(at, std::string::npos) << ended.err;
  const auto message = ended.err.substr(at);
  EXPECT_THAT(message, HasSubstr(what));
  const auto mends = message.find("\n  remedy: ");
  ASSERT_NE(mends, std::string::npos) << message;
  EXPECT_THAT(message.substr(mends), HasSubstr(remedy));
}

/// A session of somebody else at a SQLite file.
class sqlite_session {
 public:
  explicit sqlite_session(const std::filesystem::path& file) {
    if (sqlite3_open(file.c_str(), &database_) != SQLITE_OK)
      throw std::runtime_error(sqlite3_errmsg(database_));
    sqlite3_busy_timeout(database_, 5000);
  }
  ~sqlite_session() { sqlite3_close(database_); }
  sqlite_session(const sqlite_session&) = delete;
  sqlite_session& operator=(const sqlite_session&) = delete;
  void execute(const std::string& sql) {
    if (sqlite3_exec(database_, sql.c_str(), nullptr, nullptr, nullptr) != SQLITE_OK)
      throw std::runtime_error(sqlite3_errmsg(database_));
  }

 private:
  sqlite3* database_ = nullptr;
};

/// A pipeline over table `item`, into one SQLite file.
class cli_fixture : public pipeline_fixture {
 protected:
  cli_fixture() {
    text.sinks.erase("pg");
    text.routes.clear();
    source("CREATE TABLE item (id int PRIMARY KEY, name text);"
           "INSERT INTO item SELECT i, 'item ' || i FROM generate_series(1, 10) i");
  }

  /// `leat check` must find it, with a remedy that says `remedy`.
  void expect_check_finds(const std::string& what, const std::string& remedy = "",
                          const std::vector<std::string>& arguments = {}) const {
    const auto checked = leat("check", arguments);
    EXPECT_EQ(checked.status.code, found_something) << checked.err;
    const auto at = checked.out.find(what);
    ASSERT_NE(at, std::string::npos) << checked.out;
    EXPECT_THAT(checked.out.substr(0, at + what.size()), testing::HasSubstr("error: "));
    EXPECT_THAT(checked.out.substr(at), testing::HasSubstr(remedy));
  }
  /// `leat check` finds it, and then `leat run` ends so, in the same words.
  void expect_refused(int code, const std::string& what, const std::string& remedy,
                      const std::vector<std::string>& arguments = {}) const {
    const auto checked = leat("check", arguments);
    EXPECT_EQ(checked.status.code, found_something) << checked.err;
    const auto ended = leat("run", arguments);
    expect_error(ended, code, what, remedy);
    const std::string begin = "leat: error: ";
    const auto at = ended.err.rfind(begin);
    if (at == std::string::npos) return;
    EXPECT_THAT(checked.out, testing::HasSubstr("error: " + ended.err.substr(at + begin.size())));
  }
  /// `leat run` must end so.
  void expect_run_fails(int code, const std::string& what, const std::string& remedy,
                        const std::vector<std::string>& arguments = {}) const {
    expect_error(leat("run", arguments), code, what, remedy);
  }
};

} // namespace leat::test
