#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include <cstdio>
#include <cstdlib>
#include <optional>

#include "tests/crash/round.hpp"

using namespace leat::test;
namespace fs = std::filesystem;

namespace {

struct torture_options {
  std::uint64_t first_seed = 1;
  int seeds = 10;
  int full_seeds = 0;
  double seconds = 8;
  std::string target = "both";
  round_options round;
};

pg_server_options source_settings() {
  return {.settings = {{"logical_decoding_work_mem", "64kB"},
                       {"deadlock_timeout", "100ms"},
                       {"wal_sender_timeout", "20s"},
                       {"max_connections", "60"},
                       {"bgwriter_delay", "200ms"}}};
}

/// Files that tell what happened stay; the servers do not.
void explain(const std::exception& failure, const round_options& round, const pg_server& source,
             const fs::path& directory) {
  fmt::print("seed {}: FAILED: {}\n", round.seed, failure.what());
  fmt::print("what was done to it:\n{}", read_file(directory / "actions.log"));
  std::ofstream(directory / "source.log") << source.log();
  fmt::print("kept: {}\nagain: scripts/torture --target {} --seeds 1 --seed {}\n",
             directory.string(), round.postgres_target ? "postgres" : "sqlite", round.seed);
}

/// The servers of one seed after the other, until a failure leaves them in doubt.
struct servers {
  explicit servers(bool postgres) : source(source_settings()) {
    if (postgres) target.emplace(pg_server_options{.settings = {{"max_connections", "40"}}});
  }
  pg_server source;
  std::optional<pg_server> target;
};

/// PostgreSQL before 16 now and then cannot decode a TRUNCATE again after a restart, whoever asks.
bool server_cannot_decode(const std::exception& failure) {
  return std::string_view(failure.what()).find("could not map filenode") != std::string_view::npos;
}

enum class outcome { passed, failed, undecodable };

outcome torture_seed(const round_options& round, servers& used) {
  temp_directory directory;
  try {
    const auto report =
        run_round(round, used.source, used.target ? &*used.target : nullptr, directory.path());
    fmt::print("seed {} ({}): ok, {} transactions, {} deaths, {} consistent reads\n", round.seed,
               round.postgres_target ? "sqlite and postgres" : "sqlite twice", report.transactions,
               report.deaths, report.consistent_reads);
    return outcome::passed;
  } catch (const std::exception& failure) {
    if (used.source.version() < 160000 && server_cannot_decode(failure)) {
      fmt::print("seed {}: does not count, this PostgreSQL could not decode its own log\n",
                 round.seed);
      return outcome::undecodable;
    }
    directory.keep();
    explain(failure, round, used.source, directory.path());
    return outcome::failed;
  }
}

bool torture_target(torture_options options, bool postgres) {
  options.round.postgres_target = postgres;
  options.round.seed = options.first_seed;
  std::optional<servers> used;
  int passed = 0;
  int failed = 0;
  int undecodable = 0;
  for (; passed + failed < options.seeds && undecodable <= options.seeds; ++options.round.seed) {
    if (!used) used.emplace(postgres);
    switch (torture_seed(options.round, *used)) {
    case outcome::passed:
      ++passed;
      continue;
    case outcome::failed:
      ++failed;
      break;
    case outcome::undecodable:
      ++undecodable;
      break;
    }
    used.reset(); // in doubt
    std::fflush(stdout);
  }
  fmt::print("{}: {} seeds passed, {} failed, {} did not count\n", postgres ? "postgres" : "sqlite",
             passed, failed, undecodable);
  return failed == 0 && passed == options.seeds;
}

} // namespace

int main(int argc, char** argv) {
  torture_options options;
  options.round.leat = LEAT_BINARY;
  bool calm = false;
  CLI::App app(
      "Crash test of leat: kills it, its source and its targets at seeded moments, and compares.");
  app.add_option("--seeds", options.seeds, "how many")->capture_default_str();
  app.add_option("--seed", options.first_seed, "the first")->capture_default_str();
  app.add_option("--full-seeds", options.full_seeds, "how many when LEAT_TEST_FULL is set");
  app.add_option("--seconds", options.seconds, "workload and trouble of one seed")
      ->capture_default_str();
  app.add_option("--target", options.target)
      ->check(CLI::IsMember({"sqlite", "postgres", "both"}))
      ->capture_default_str();
  app.add_option("--leat", options.round.leat, "the program")->capture_default_str();
  app.add_option("--without", options.round.without,
                 "tables of the workload that leat does not carry");
  app.add_flag("--calm", calm, "the workload alone: nothing is killed");
  CLI11_PARSE(app, argc, argv);

  if (options.full_seeds > 0 && std::getenv("LEAT_TEST_FULL") != nullptr)
    options.seeds = options.full_seeds;
  options.round.time = std::chrono::milliseconds(static_cast<long>(options.seconds * 1000));
  options.round.trouble = !calm;

  bool passed = true;
  if (options.target != "postgres") passed = torture_target(options, false) && passed;
  if (options.target != "sqlite") passed = torture_target(options, true) && passed;
  return passed ? 0 : 1;
}
