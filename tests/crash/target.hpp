#pragma once

#include <chrono>
#include <filesystem>
#include <memory>
#include <stdexcept>
#include <stop_token>
#include <string>

#include "tests/crash/dice.hpp"
#include "tests/crash/workload.hpp"
#include "tests/support/pg_server.hpp"

namespace leat::test {

/// A target's server that restarts, or a connection that was cut: no fault of leat.
struct target_away : std::runtime_error {
  using runtime_error::runtime_error;
};

/// A connection that reads a target. What one statement reads is one state.
class target_reader {
 public:
  virtual ~target_reader() = default;
  /// Rows as text. Throws target_away, or another std::runtime_error for a statement that is
  /// refused.
  virtual text_rows query(const std::string& sql) = 0;
};

/// What a reader of a `consistent` target may rely on.
enum class promised_cut {
  all_tables, ///< over all tables a state that the source had
  each_table, ///< each table by itself is one
};

/// The columns of a table as they are compared: expressions that print alike at both sides.
struct compared_columns {
  std::vector<std::string> source;
  std::vector<std::string> target;
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
  virtual promised_cut cut() const { return promised_cut::all_tables; }
  /// False for a table that this kind of target cannot take.
  virtual bool takes(const workload_table&) const { return true; }
  /// The name that the table has there.
  virtual std::string name_of(const workload_table& table) const { return table.name; }
  virtual std::string quoted(const std::string& name) const;
  virtual compared_columns columns(const workload_table&) const = 0;

  /// Holds a lock, for that long or until it is told to stop, that a commit of leat has to wait
  /// for.
  virtual void block(std::chrono::milliseconds, const std::stop_token&) const = 0;
  /// Cuts connections, restarts: gives what was done, "" when there is nothing to do to it.
  virtual std::string disturb(dice&) { return ""; }
  /// How many times longer than usual it takes to commit an epoch: the workload rests longer, and
  /// chunks are larger.
  virtual int slowness() const { return 1; }
  /// How often, beside all other trouble, disturb() is worth it.
  virtual double disturbance() const { return 1; }
  /// Called all the time while there is trouble: ends what disturb() has begun.
  virtual void attend() {}
  /// Ends what lasts: nodes and settings come back. What disturb() has ordered may still strike
  /// while leat catches up.
  virtual void calm() {}
  /// Nothing strikes any more.
  virtual void quiet() {}
  /// How often disturb() has struck so far: what it has ordered may strike later, or never.
  virtual int struck() const { return 0; }
  /// Writes what a person who looks at a failure may want to see.
  virtual void explain(const std::filesystem::path&) const {}

 protected:
  static void rest(std::chrono::milliseconds, const std::stop_token&);

 private:
  std::string name_;
};

std::unique_ptr<target> make_sqlite_target(std::string name, const std::filesystem::path& database);
/// `server` outlives it; the database is made anew.
std::unique_ptr<target> make_postgres_target(std::string name, pg_server& server,
                                             std::string database);

} // namespace leat::test
