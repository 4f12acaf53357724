#include <caf/actor_system.hpp>
#include <caf/actor_system_config.hpp>
#include <malloc.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <optional>
#include <thread>

#include "actors/connectors.hpp"
#include "cli/commands.hpp"
#include "cli/own_output.hpp"
#include "cli/run_log.hpp"
#include "cli/terminal_display.hpp"
#include "dataflow/pipeline_file.hpp"
#include "leat/engine.hpp"

namespace leat::cli {

namespace {

using std::chrono::milliseconds;

spdlog::level::level_enum level_of(engine_options::level level) {
  switch (level) {
  case engine_options::level::debug:
    return spdlog::level::debug;
  case engine_options::level::info:
    return spdlog::level::info;
  case engine_options::level::warn:
    return spdlog::level::warn;
  case engine_options::level::error:
    return spdlog::level::err;
  }
  return spdlog::level::info;
}

sigset_t ending_signals() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGINT);
  sigaddset(&set, SIGTERM);
  return set;
}

std::string one_line(std::string lines) {
  while (!lines.empty() && lines.back() == '\n') lines.pop_back();
  for (std::size_t at = 0; (at = lines.find('\n', at)) != std::string::npos; at += 2)
    lines.replace(at, 1, "; ");
  return lines;
}

/// A display on a terminal; elsewhere a line in the log every ten seconds.
class progress_report {
 public:
  explicit progress_report(spdlog::logger& log)
      : log_(log), terminal_(::isatty(STDOUT_FILENO) != 0) {}

  bool on_terminal() const { return terminal_; }
  milliseconds pause() const { return milliseconds(terminal_ ? 250 : 50); }

  /// From any thread.
  void log(spdlog::level::level_enum level, std::string_view text) {
    const auto print = [&] { log_.log(level, "{}", text); };
    if (terminal_)
      display_.print_above(print);
    else
      print();
  }

  void show(const engine& pipeline) {
    if (terminal_) return display_.show(pipeline.progress());
    if (steady_clock::now() < next_line_) return;
    next_line_ += line_interval;
    log_.info("{}", one_line(pipeline.progress()));
  }

  void end(const engine& pipeline) {
    const auto progress = pipeline.progress();
    if (terminal_) display_.show(progress);
    log_.info("ended cleanly; {}", one_line(progress));
  }

 private:
  using steady_clock = std::chrono::steady_clock;
  static constexpr auto line_interval = std::chrono::seconds(10);

  spdlog::logger& log_;
  bool terminal_;
  terminal_display display_;
  steady_clock::time_point next_line_ = steady_clock::now() + line_interval;
};

/// Watches the engine, shows its progress, and takes signals, until it ends.
engine_outcome watch(engine& pipeline, const sigset_t& signals, progress_report& report) {
  int interrupts = 0;
  for (;;) {
    if (auto outcome = pipeline.wait_for(report.pause())) return *outcome;
    const timespec at_once{0, 0};
    if (::sigtimedwait(&signals, nullptr, &at_once) > 0) {
      if (++interrupts == 1)
        pipeline.stop();
      else
        pipeline.abort();
    }
    report.show(pipeline);
  }
}

/// Batches of some hundred KiB are made by one thread and freed by another at a high rate: by
/// default their memory goes back to the system, and is faulted in anew, each time. What is kept is
/// kept per arena, so that there are few (R9).
void keep_freed_memory() {
  ::mallopt(M_ARENA_MAX, 2);
  ::mallopt(M_MMAP_THRESHOLD, 8 << 20);
  ::mallopt(M_TRIM_THRESHOLD, 64 << 20);
}

} // namespace

int run(const common_options& o) {
  keep_freed_memory();
  std::optional<others_print_to_stderr> guard; // also while actors end
  // Threads inherit the mask: signals are taken here alone.
  const auto signals = ending_signals();
  ::pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  const auto log = make_run_log(load_checked_file(o.file, o.settings));

  caf::actor_system_config config;
  config.set("scheduler.policy", caf::atom("sharing"));
  config.set("scheduler.max-threads", std::size_t{2});
  config.set("scheduler.max-throughput", std::size_t{50});
  caf::actor_system system(config);

  engine_options options;
  options.file = o.file;
  options.settings = o.settings;
  options.until = o.until;
  progress_report report(*log);
  options.log = [&report](engine_options::level level, std::string_view text) {
    report.log(level_of(level), text);
  };
  engine pipeline(system, std::move(options));
  if (!report.on_terminal()) guard.emplace();
  pipeline.start();
  const auto outcome = watch(pipeline, signals, report);
  if (outcome.exit_code == 0)
    report.end(pipeline);
  else
    print_error(outcome.what, outcome.where, outcome.remedy);
  if (outcome.hung) {
    log->flush();
    std::_Exit(outcome.exit_code);
  }
  return outcome.exit_code;
}

} // namespace leat::cli
