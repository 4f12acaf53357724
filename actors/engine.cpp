#include "leat/engine.hpp"

#include <caf/actor_system.hpp>
#include <caf/scoped_actor.hpp>
#include <caf/send.hpp>

#include <algorithm>
#include <condition_variable>
#include <mutex>

#include "actors/assembly.hpp"
#include "actors/connectors.hpp"
#include "actors/overdue_plugins.hpp"
#include "actors/progress_lines.hpp"
#include "actors/status_server.hpp"
#include "actors/supervisor.hpp"
#include "actors/wiring.hpp"
#include "dataflow/table_pattern.hpp"
#include "state/checkpoint_store.hpp"

namespace leat {

/// A checkpoint may have to be synced before the request is.
constexpr std::chrono::seconds answer_limit{4};

/// Of what nobody foresaw: a server that refuses a statement, mostly.
constexpr const char* general_remedy =
    "correct what the message names, then run again: nothing is lost, it continues from the last "
    "checkpoint";

struct engine::impl {
  caf::actor_system& system;
  engine_options options;
  std::shared_ptr<status_board> board = std::make_shared<status_board>();
  std::shared_ptr<cancel_list> cancels = std::make_shared<cancel_list>();
  supervisor_actor supervisor;
  std::unique_ptr<status_server> server;
  std::unique_ptr<overdue_plugins> overdue;
  mutable std::mutex mutex;
  std::mutex log_mutex;
  std::condition_variable ended;
  std::optional<engine_outcome> outcome;

  impl(caf::actor_system& s, engine_options o) : system(s), options(std::move(o)) {}

  void log(log_level level, const std::string& text) {
    const std::scoped_lock lock(log_mutex);
    if (options.log) options.log(static_cast<engine_options::level>(level), text);
  }

  void end(const error* failure, bool hung = false) {
    engine_outcome o;
    if (failure != nullptr)
      o = {static_cast<int>(failure->kind()), failure->what(), failure->where(),
           failure->remedy().empty() ? general_remedy : failure->remedy(), hung};
    {
      const std::scoped_lock lock(mutex);
      if (!outcome) outcome = std::move(o);
    }
    ended.notify_all();
  }

  bool hangs() const {
    const std::scoped_lock lock(mutex);
    return outcome && outcome->hung;
  }

  void start() {
    try {
      open();
    } catch (const error& e) {
      end(&e);
    }
  }

  void open() {
    supervisor_setup setup;
    setup.file = load_checked_file(options.file, options.settings);
    overdue = std::make_unique<overdue_plugins>(setup.file.path,
                                                [this](const error& e) { end(&e, true); });
    check_until(options.until);
    setup.until = options.until;
    setup.store = open_state(setup.file.state, false,
                             std::min<std::size_t>(setup.file.memory / 4, 64U << 20));
    setup.board = board;
    setup.cancels = cancels;
    setup.log = [this](log_level level, const std::string& text) { log(level, text); };
    setup.ended = [this](const std::shared_ptr<const error>& failure) { end(failure.get()); };
    board->update([&](pipeline_status& s) { s.pipeline = setup.file.name; });
    server = std::make_unique<status_server>(
        setup.file.state, setup.file.http_listen,
        status_handlers{[this] { return to_json(board->read(), commit_time_now()); },
                        [this] { return status_lines(board->read(), commit_time_now()); },
                        [this](const std::string& table) { return resnapshot(table); }});
    supervisor = make_supervisor(system, std::move(setup));
    caf::anon_send(supervisor, begin{});
  }

  bool resnapshot(const std::string& table) {
    const auto status = board->read();
    for (const auto& name : {table, named_table(table)}) {
      refuse_left_out(status, name);
      const auto known = std::find_if(status.tables.begin(), status.tables.end(),
                                      [&](const auto& t) { return t.second.name == name; });
      if (known != status.tables.end()) return ask(known->first, status.pipeline, name);
    }
    return false;
  }

  /// A run keeps the tables that it began with.
  static void refuse_left_out(const pipeline_status& status, const std::string& table) {
    const auto found = status.news.appeared.find(table);
    if (found == status.news.appeared.end() || found->second.is != new_table::fate::left_out)
      return;
    throw error(error_kind::state, "table " + table + " is left out: " + found->second.why,
                "pipeline " + status.pipeline,
                "stop the pipeline, ask again, and start it: the table is read then");
  }

  bool ask(oid table, const std::string& pipeline, const std::string& name) {
    bool kept = false;
    caf::scoped_actor asking(system);
    asking->request(supervisor, answer_limit, leat::resnapshot{table, 0})
        .receive([&](bool done) { kept = done; }, [](const caf::error&) {});
    if (!kept)
      throw error(error_kind::state, "the request to read " + name + " anew was not kept",
                  "pipeline " + pipeline,
                  "the pipeline is ending, or its state cannot be written: ask again");
    return true;
  }

  std::optional<engine_outcome> wait(std::optional<std::chrono::milliseconds> limit) {
    std::unique_lock lock(mutex);
    const auto done = [this] { return outcome.has_value(); };
    if (!limit)
      ended.wait(lock, done);
    else if (!ended.wait_for(lock, *limit, done))
      return std::nullopt;
    return outcome;
  }
};

engine::engine(caf::actor_system& system, engine_options options)
    : impl_(std::make_unique<impl>(system, std::move(options))) {}

engine::~engine() {
  if (!impl_->supervisor) return;
  abort();
  wait();
  // Who waits for the plugin uses it for ever.
  if (impl_->hangs()) {
    static_cast<void>(impl_.release());
    return;
  }
  impl_->server.reset();
}

void engine::start() { impl_->start(); }

void engine::stop() {
  if (!impl_->supervisor) return;
  // The supervisor itself waits for source and targets while it assembles.
  const auto state = impl_->board->read().state;
  if (state != "running" && state != "stopping") impl_->cancels->close();
  caf::anon_send(impl_->supervisor, stop_request{false});
}

void engine::abort() {
  if (!impl_->supervisor) return;
  impl_->cancels->close();
  caf::anon_send(impl_->supervisor, stop_request{true});
}

std::optional<engine_outcome> engine::wait_for(std::chrono::milliseconds limit) {
  return impl_->wait(limit);
}

engine_outcome engine::wait() { return *impl_->wait(std::nullopt); }

std::string engine::status() const { return to_json(impl_->board->read(), commit_time_now()); }

std::string engine::progress() const {
  return progress_lines(impl_->board->read(), commit_time_now());
}

bool engine::resnapshot(std::string_view table) { return impl_->resnapshot(std::string(table)); }

} // namespace leat
