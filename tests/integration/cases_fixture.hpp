#pragma once

#include <ostream>
#include <span>
#include <string>
#include <vector>

#include "tests/support/pipeline_fixture.hpp"

namespace leat::test {

/// Something an application does that a capture can get wrong. `@` in SQL and names stands for a
/// prefix of this case's own, so that it can happen twice: during the snapshot and after it.
struct source_case {
  std::string name;
  std::string tables; ///< SQL before the pipeline starts: tables and rows that the snapshot reads
  std::vector<std::string> changes;          ///< each in a session of its own
  std::vector<std::string> compared = {"@"}; ///< tables of schema public, unquoted
};

inline void PrintTo(const source_case& c, std::ostream* out) { *out << c.name; }

/// Takes many cases through one pipeline: their tables are snapshotted in chunks of a few rows
/// while their changes happen, and happen again on twins of the tables when the snapshot is done.
class case_pipeline : public pipeline_fixture {
 public:
  using pipeline_fixture::expect_same;
  using pipeline_fixture::lite;
  using pipeline_fixture::log;
  using pipeline_fixture::pg;
  using pipeline_fixture::source_rows;
  using pipeline_fixture::text;

  static constexpr const char* during = "d";
  static constexpr const char* after = "a";

  void run(std::span<const source_case> cases) {
    text.snapshot = "chunk_rows = 7";
    text.interval = "20ms";
    server().set("logical_decoding_work_mem", "64kB"); // transactions of some size are streamed
    for (const auto* when : {during, after})
      for (const auto& c : cases) source(own(c, when, c.tables));
    start();
    change(cases, during);
    wait_until_caught_up();
    change(cases, after);
    wait_until_caught_up();
    stop();
    server().set("logical_decoding_work_mem", "64MB");
  }

  void expect_same(const source_case& c) const {
    for (const auto* when : {during, after})
      for (const auto& table : c.compared) expect_same(own(c, when, table));
  }

 private:
  void TestBody() override {}

  static std::string own(const source_case& c, const std::string& when, const std::string& sql) {
    std::string out;
    for (const char letter : sql)
      out += letter == '@' ? c.name + "_" + when : std::string(1, letter);
    return out;
  }

  void change(std::span<const source_case> cases, const std::string& when) const {
    for (const auto& c : cases)
      for (const auto& sql : c.changes) source(own(c, when, sql));
  }
};

} // namespace leat::test
