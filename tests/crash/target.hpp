#pragma once

#include <chrono>
#include <filesystem>
#include <memory>
#include <string>

#include "tests/crash/dice.hpp"
#include "tests/crash/workload.hpp"
#include "tests/support/pg_server.hpp"

namespace leat::test {

/// A connection that reads a target. Statements between begin() and end() see one state.
class target_reader {
 public:
  virtual ~target_reader() = default;
  virtual void begin() = 0;
  virtual void end() = 0;
  virtual text_rows query(const std::string& sql) = 0;
};

/// Where a sink of leat writes in the crash test, and how to make its life hard.
class target {
 public:
  explicit target(std::string name) : name_(std::move(name)) {}
  virtual ~target() = default;

  const std::string& name() const { return name_; }
  /// The lines of [sink.NAME].
  virtual std::string options() const = 0;
  /// Nothing while the target has no progress table yet.
  virtual std::unique_ptr<target_reader> open() const = 0;
  /// Holds a lock, for that long, that a commit of leat has to wait for.
  virtual void block(std::chrono::milliseconds) const = 0;
  /// Cuts connections, restarts: gives what was done, "" when there is nothing to do to it.
  virtual std::string disturb(dice&) { return ""; }
  /// Column expressions of a table, as in workload_table.
  virtual const std::vector<std::string>& columns(const workload_table&) const = 0;

 private:
  std::string name_;
};

std::unique_ptr<target> make_sqlite_target(std::string name, const std::filesystem::path& database);
/// `server` outlives it; the database is made anew.
std::unique_ptr<target> make_postgres_target(std::string name, pg_server& server,
                                             std::string database);

} // namespace leat::test
