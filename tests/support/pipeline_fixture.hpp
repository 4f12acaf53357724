#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "tests/support/pg_server.hpp"
#include "tests/support/process.hpp"
#include "tests/support/temp_directory.hpp"

namespace leat::test {

/// A pipeline file, section by section. Lines are TOML as a person writes it.
struct pipeline_text {
  std::string tables = R"(["public.*"])"; ///< [source] tables
  std::string source;                     ///< further lines of [source]
  std::string snapshot = "chunk_rows = 50";
  std::map<std::string, std::string> sinks; ///< NAME -> lines of [sink.NAME]
  std::vector<std::string> routes;          ///< lines of each [[route]]
  std::string interval = "50ms";            ///< [checkpoint]
  std::string rest;                         ///< further sections

  std::string render(const std::string& name, const std::string& state,
                     const std::string& source_url) const;
};

/// A source database on a server that the test program shares, a pipeline file with the SQLite sink
/// "lite" and the PostgreSQL sink "pg", that take every table under its own name, and the `leat`
/// binary to run it: $LEAT_BINARY, else that of the build.
class pipeline_fixture : public ::testing::Test {
 public:
  static std::string leat_program();
  /// `leat ARGUMENTS` to its end; for what takes no file, or another.
  static finished_process bare_leat(const std::vector<std::string>& arguments);

 protected:
  pipeline_fixture();
  ~pipeline_fixture() override;

  static pg_server& server(); ///< settings are shared by all tests: give back what you change
  /// The tests that follow get another one: nothing may need it any more.
  static void give_up_server();
  static constexpr const char* source_database = "source";
  static constexpr const char* target_database = "target";

  /// Statements at the source, in a session of their own.
  void source(const std::string& sql) const { server().execute(sql, source_database); }
  text_rows source_rows(const std::string& sql) const {
    return server().query(sql, source_database);
  }
  std::string source_value(const std::string& sql) const {
    return server().value(sql, source_database);
  }

  std::filesystem::path directory() const { return directory_.path(); }
  std::filesystem::path lite_path() const { return directory_ / "lite.db"; }
  std::filesystem::path state_path() const { return directory_ / "state"; }
  std::filesystem::path write_file() const; ///< the file as `text` has it now

  /// `leat COMMAND FILE ARGUMENTS` to its end.
  finished_process leat(const std::string& command, const std::vector<std::string>& arguments = {},
                        const std::map<std::string, std::string>& environment = {}) const {
    return leat_on(write_file(), command, arguments, environment);
  }
  /// The same over another file than the test's.
  finished_process leat_on(const std::filesystem::path& file, const std::string& command,
                           const std::vector<std::string>& arguments = {},
                           const std::map<std::string, std::string>& environment = {}) const;
  /// `leat run --until caught-up`; fails the test unless that ends with 0.
  finished_process catch_up() const;
  /// The same for configs/NAME as it stands but for its addresses; `sink` is its SQLite sink.
  void run_shipped(const std::string& name, const std::string& sink = "dwh",
                   const std::map<std::string, std::string>& environment = {}) const;

  /// `leat run` in the background; the test goes on when it runs.
  void start(const std::map<std::string, std::string>& environment = {});
  /// The same, and the test goes on at once.
  void launch(const std::map<std::string, std::string>& environment = {});
  /// Waits until the running pipeline has everything that the source has committed so far at every
  /// target, and every snapshot is consistent.
  void wait_until_caught_up();
  /// A commit at the source, so that an idle one writes what a snapshot has seen.
  void nudge() const;
  /// Waits until the running pipeline has ended by itself.
  finished_process wait_until_ended();
  void stop();            ///< SIGTERM; fails the test unless it ends with 0
  void kill();            ///< SIGKILL
  void signal(int) const; ///< to the running pipeline
  /// Polls until it is true; fails the test after 30 s.
  template <class Condition>
  void wait_until(const std::string& what, Condition&& holds) const {
    const auto deadline = std::chrono::steady_clock::now() + limit();
    while (!holds()) {
      ASSERT_LT(std::chrono::steady_clock::now(), deadline) << what << "\n" << log();
      nap();
    }
  }
  /// `leat status --json`, without white space.
  std::string status() const;
  std::string log() const; ///< stderr of the process that start() started, so far

  /// All rows of a target table, `columns` being SQL of the target; sorted.
  text_rows lite(const std::string& sql) const;
  text_rows pg(const std::string& sql) const;
  std::vector<std::string> lite_columns(const std::string& table) const;
  std::vector<std::string> pg_columns(const std::string& table) const;

  /// The table has the same columns and rows at the source and at both targets. Only for values
  /// whose text is the same everywhere: integers, text, numeric, dates.
  void expect_same(const std::string& table) const { expect_same(table, table); }
  void expect_same(const std::string& table, const std::string& target) const;
  void expect_same_at_lite(const std::string& table, const std::string& target) const;
  void expect_same_at_pg(const std::string& table, const std::string& target) const;
  /// These columns of a table at SQLite are what the statement gives at the source.
  void expect_select(const std::string& sql, const std::string& target,
                     const std::string& columns) const;

  pipeline_text text;

 private:
  /// What waits gives up then. At full size five million rows are written first.
  static std::chrono::seconds limit() {
    return std::chrono::seconds(std::getenv("LEAT_TEST_FULL") != nullptr ? 1800 : 30);
  }
  static void nap();
  process_options options(const std::map<std::string, std::string>& environment) const;
  std::vector<std::string> source_columns(const std::string& table) const;

  temp_directory directory_;
  std::unique_ptr<process> running_;
  int runs_ = 0;
};

} // namespace leat::test
