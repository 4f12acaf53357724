#pragma once

#include <functional>
#include <memory>
#include <string>

#include "bench/harness.hpp"
#include "tests/support/temp_directory.hpp"

namespace leat::bench {

struct pipeline_options {
  std::string name;  ///< of the pipeline; slot and publication are leat_<name>
  std::string table; ///< "public.narrow"
  std::string sink;  ///< lines of [sink.target]; {dir} is the pipeline's directory
  std::string interval = "200ms";
  int readers = 2;
  const test::pg_server* target = nullptr; ///< whose CPU counts as leat's
};

/// The `leat` binary with one pipeline in a directory of its own, against a private source server.
class pipeline {
 public:
  pipeline(const test::pg_server& source, pipeline_options);

  /// Makes slot and publication and carries what is there.
  void prepare() { run_caught_up(); }
  /// Remembers slot, state and target file as they are now, for restore().
  void keep();
  void restore();
  /// A slot at the kept place, for a peer.
  std::string copy_slot(const std::string& name) const;

  /// `leat run --until LSN` after restore(): a backlog.
  measured drain(const std::string& until);
  /// From nothing, the slot too, until all is at the target.
  measured snapshot();

  /// `leat run` in the background.
  std::unique_ptr<test::process> start() const;
  /// A number of the blackhole's report; 0 when there is none.
  double reported(const std::string& field) const;

  std::filesystem::path directory() const { return directory_ / "work"; }
  std::string slot() const { return "leat_" + options_.name; }

 private:
  measured run_caught_up();
  measured run(const std::string& until, const std::function<void()>& meanwhile);
  void drop_slot(const std::string& name) const;
  void write_file() const;

  const test::pg_server& source_;
  pipeline_options options_;
  test::temp_directory directory_;
};

} // namespace leat::bench
