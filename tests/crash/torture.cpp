#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "tests/crash/round.hpp"

using namespace leat::test;
namespace fs = std::filesystem;

namespace {

constexpr std::array all_targets = {second_target::sqlite, second_target::postgres,
                                    second_target::starrocks_epoch, second_target::starrocks_table};

const char* name_of(second_target kind) {
  switch (kind) {
  case second_target::sqlite:
    return "sqlite";
  case second_target::postgres:
    return "postgres";
  case second_target::starrocks_epoch:
    return "starrocks-epoch";
  case second_target::starrocks_table:
    return "starrocks-table";
  }
  return "";
}

struct torture_options {
  std::uint64_t first_seed = 1;
  int seeds = 10;
  int full_seeds = 0;
  std::optional<double> seconds;
  std::string target = "both";
  round_options round;
};

/// So that most seeds end within eight seconds on an idle machine. The double takes longer for an
/// epoch than a database, so less is done to catch up with.
double usual_seconds(second_target kind) { return is_starrocks(kind) ? 2.5 : 5.0; }

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
             directory.string(), name_of(round.second), round.seed);
}

/// Where the double keeps its state: what it has written outlives its own kill -9 wherever that is,
/// and in memory nothing waits for the disk.
class double_directory {
 public:
  double_directory() {
    const fs::path memory = "/dev/shm";
    constexpr std::uintmax_t enough = 1ULL << 30;
    std::error_code none;
    const bool room =
        fs::is_directory(memory, none) && fs::space(memory, none).available > enough && !none;
    auto pattern = ((room ? memory : fs::temp_directory_path()) / "leat-XXXXXX").string();
    if (::mkdtemp(pattern.data()) == nullptr)
      throw std::system_error(errno, std::generic_category(), "mkdtemp " + pattern);
    path_ = pattern;
  }
  ~double_directory() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }
  double_directory(const double_directory&) = delete;
  double_directory& operator=(const double_directory&) = delete;
  const fs::path& path() const { return path_; }

 private:
  fs::path path_;
};

/// The servers of one seed after the other, until a failure leaves them in doubt.
struct servers {
  explicit servers(second_target kind) : source(source_settings()) {
    if (kind == second_target::postgres)
      postgres.emplace(pg_server_options{.settings = {{"max_connections", "40"}}});
    if (is_starrocks(kind)) starrocks.emplace(directory.path());
  }
  target_servers of_target() {
    return {postgres ? &*postgres : nullptr, starrocks ? &*starrocks : nullptr};
  }
  double_directory directory;
  pg_server source;
  std::optional<pg_server> postgres;
  std::optional<starrocks_double> starrocks;
};

/// PostgreSQL before 16 now and then cannot decode a TRUNCATE again after a restart, whoever asks.
bool server_cannot_decode(const std::exception& failure) {
  return std::string_view(failure.what()).find("could not map filenode") != std::string_view::npos;
}

enum class outcome { passed, failed, undecodable };

/// `lengths`: takes that of a seed that passes, in seconds.
outcome torture_seed(const round_options& round, servers& used, std::vector<double>& lengths) {
  temp_directory directory;
  try {
    const auto report = run_round(round, used.source, used.of_target(), directory.path());
    if (round.keep) {
      directory.keep();
      fmt::print("kept: {}\n", directory.path().string());
    }
    const auto& times = report.times;
    fmt::print(
        "seed {} (sqlite and {}): ok in {:.1f} s (made in {:.1f}, trouble for {:.1f}, caught up "
        "in {:.1f}, compared in {:.1f}), {} transactions, {} deaths, {} faults, {} consistent "
        "reads\n",
        round.seed, name_of(round.second), times.whole(), times.making, times.trouble,
        times.catching_up, times.comparing, report.transactions, report.deaths, report.faults,
        report.consistent_reads);
    lengths.push_back(times.whole());
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

std::string summary(std::vector<double> lengths) {
  if (lengths.empty()) return {};
  std::sort(lengths.begin(), lengths.end());
  return fmt::format("; a seed took {:.1f} s, the longest {:.1f} s", lengths[lengths.size() / 2],
                     lengths.back());
}

bool torture_target(torture_options options, second_target kind) {
  options.round.second = kind;
  options.round.chaos.starrocks_points = is_starrocks(kind) ? 0.6 : 0;
  options.round.seed = options.first_seed;
  options.round.time = std::chrono::milliseconds(
      static_cast<long>(options.seconds.value_or(usual_seconds(kind)) * 1000));
  std::optional<servers> used;
  std::vector<double> lengths;
  int passed = 0;
  int failed = 0;
  int undecodable = 0;
  for (; passed + failed < options.seeds && undecodable <= options.seeds; ++options.round.seed) {
    if (!used) used.emplace(kind);
    switch (torture_seed(options.round, *used, lengths)) {
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
  fmt::print("{}: {} seeds passed, {} failed, {} did not count{}\n", name_of(kind), passed, failed,
             undecodable, summary(std::move(lengths)));
  return failed == 0 && passed == options.seeds;
}

} // namespace

int main(int argc, char** argv) {
  torture_options options;
  options.round.leat = LEAT_BINARY;
  options.round.plugins = LEAT_EXAMPLE_PLUGINS;
  bool calm = false;
  CLI::App app(
      "Crash test of leat: kills it, its source and its targets at seeded moments, and compares.");
  app.add_option("--seeds", options.seeds, "how many")->capture_default_str();
  app.add_option("--seed", options.first_seed, "the first")->capture_default_str();
  app.add_option("--full-seeds", options.full_seeds, "how many when LEAT_TEST_FULL is set");
  app.add_option("--seconds", options.seconds,
                 "workload and trouble of one seed; unless given 5.5, StarRocks 2.5");
  app.add_option("--target", options.target, "both: sqlite and postgres")
      ->check(CLI::IsMember({"sqlite", "postgres", "both", "starrocks-epoch", "starrocks-table"}))
      ->capture_default_str();
  app.add_option("--server-version", options.round.server_version,
                 "the StarRocks that is played, like 2.5.13; unless given the seed chooses");
  app.add_option("--leat", options.round.leat, "the program")->capture_default_str();
  app.add_option("--plugins", options.round.plugins, "where those of examples/plugins are")
      ->capture_default_str();
  app.add_option("--without", options.round.without,
                 "tables of the workload that leat does not carry");
  app.add_flag("--keep", options.round.keep, "keeps what a seed wrote, also when it passes");
  app.add_flag("--calm", calm, "the workload alone: nothing is killed");
  CLI11_PARSE(app, argc, argv);

  if (options.full_seeds > 0 && std::getenv("LEAT_TEST_FULL") != nullptr)
    options.seeds = options.full_seeds;
  options.round.trouble = !calm;

  bool passed = true;
  for (const auto kind : all_targets) {
    const bool of_both = kind == second_target::sqlite || kind == second_target::postgres;
    if (options.target == name_of(kind) || (options.target == "both" && of_both))
      passed = torture_target(options, kind) && passed;
  }
  return passed ? 0 : 1;
}
