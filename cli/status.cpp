#include <unistd.h>

#include <cstdio>
#include <thread>

#include "actors/connectors.hpp"
#include "actors/examination.hpp"
#include "actors/progress_lines.hpp"
#include "actors/status_server.hpp"
#include "cli/commands.hpp"
#include "cli/terminal_display.hpp"

namespace leat::cli {

namespace {

/// Every snapshot is done, and no row is waited for: a target that has committed the checkpoint
/// holds a cut of the source.
bool consistent(const checkpoint& c) {
  for (const auto& [id, s] : c.snapshots)
    if (s.phase != snapshot_phase::finished) return false;
  return c.missing.empty();
}

/// What the state says of a pipeline that does not run.
pipeline_status stopped_status(const pipeline_file& file) {
  pipeline_status s;
  s.pipeline = file.name;
  s.state = "stopped";
  const auto state = look_at_state(file);
  if (!state.identity) {
    s.state = "has never run";
    return s;
  }
  s.pipeline_id = state.identity->id;
  if (!state.newest) return s;
  const auto& c = *state.newest;
  s.epoch = c.epoch;
  s.position = c.position;
  s.passed = c.resume;
  s.confirmed = c.resume;
  for (const auto& [id, schema] : c.schemas) {
    s.tables[id].name = schema->qualified_name();
    const auto found = c.snapshots.find(id);
    show_snapshot(s.tables[id], found == c.snapshots.end() ? nullptr : &found->second, 0);
  }
  for (const auto& [name, epoch] : c.sink_epochs) {
    auto& sink = s.sinks[name];
    sink.progress.epoch = epoch;
    sink.progress.position = c.position;
    sink.progress.consistent = consistent(c);
    for (const auto& options : file.sinks)
      if (options.name == name) sink.connector = options.connector;
  }
  for (const auto& each : state.states) s.sinks[each.of.sink].states.push_back(each);
  return s;
}

std::string status_text(const pipeline_file& file, bool json) {
  const auto form = json ? status_form::json : status_form::lines;
  if (const auto running = ask_status(file.state, file.http_listen, form))
    return json ? *running + "\n" : *running;
  const auto stopped = stopped_status(file);
  const auto now = commit_time_now();
  return json ? to_json(stopped, now) + "\n" : status_lines(stopped, now);
}

} // namespace

int status(const common_options& o) {
  const auto file = load_checked_file(o.file, o.settings);
  if (!o.watch) {
    std::fputs(status_text(file, o.json).c_str(), stdout);
    return 0;
  }
  const bool repaints = ::isatty(STDOUT_FILENO) != 0 && !o.json;
  terminal_display display;
  for (;;) {
    const auto text = status_text(file, o.json);
    if (repaints)
      display.show(text);
    else
      std::fputs(text.c_str(), stdout);
    if (std::fflush(stdout) != 0) return 0; // whoever read it has gone
    std::this_thread::sleep_for(std::chrono::seconds(1));
  }
}

} // namespace leat::cli
