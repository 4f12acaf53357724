#pragma once

#include <caf/fwd.hpp>

#include <chrono>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace leat {

/// What a pipeline is started with.
struct engine_options {
  std::filesystem::path file;        ///< the pipeline file
  std::vector<std::string> settings; ///< `key=value`, as --set takes them
  std::string until; ///< empty: until stopped; "caught-up"; or an LSN, "16/B374D848"

  enum class level { debug, info, warn, error };
  /// Called from the engine's threads, one call at a time; may be empty.
  std::function<void(level, std::string_view)> log;
};

/// How a pipeline ended. `exit_code` is that of the `leat` binary: 0 for a clean end.
struct engine_outcome {
  int exit_code = 0;
  std::string what;
  std::string where;
  std::string remedy;
  /// A plugin's call has not come back in time. Its thread cannot be ended, so neither can the
  /// actor system, nor a clean end of the process be waited for: leave it with std::_Exit().
  bool hung = false;
};

/// One pipeline inside a host's actor system. The system needs no special configuration and has to
/// outlive the engine. All members may be called from any thread that is not an actor of the
/// system.
class engine {
 public:
  engine(caf::actor_system&, engine_options);
  /// Stops the pipeline as abort() does, unless it has ended.
  ~engine();
  engine(const engine&) = delete;
  engine& operator=(const engine&) = delete;

  void start();
  /// Asks for a clean end: the open epoch is finished and committed, or dropped after 8 s.
  void stop();
  /// Drops the open epoch. Nothing is lost: the next start goes on from the last checkpoint.
  void abort();
  /// Waits for the end; nothing when it has not come in time.
  std::optional<engine_outcome> wait_for(std::chrono::milliseconds);
  engine_outcome wait();

  /// What `leat status --json` prints.
  std::string status() const;
  /// The same as lines for people: snapshot progress per table, then lag.
  std::string progress() const;
  /// Reads a table anew under the stream (R12). False when the pipeline has no such table. Waits
  /// until the state holds the request, which a crash does not forget then; throws a
  /// std::exception when it could not be kept.
  bool resnapshot(std::string_view table);

 private:
  struct impl;
  std::unique_ptr<impl> impl_;
};

} // namespace leat
