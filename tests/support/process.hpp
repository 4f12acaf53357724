#pragma once

#include <sys/types.h>

#include <chrono>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace leat::test {

/// How a child ended and what it used, its own waited-for children included.
struct exit_status {
  int code = -1;          ///< exit code; -1 when a signal ended it
  int signal = 0;         ///< the signal that ended it, or 0
  double cpu_seconds = 0; ///< user and system
  long max_rss_kib = 0;   ///< peak resident memory
};

struct process_options {
  std::map<std::string, std::string> environment; ///< added to this process's own
  std::filesystem::path directory; ///< working directory; this process's own when empty
  std::filesystem::path out;       ///< where stdout goes; kept in memory when empty
  std::filesystem::path err;       ///< the same for stderr; both append
  std::optional<uid_t> user;       ///< only root can give one
  std::optional<gid_t> group;
  bool die_with_parent = true; ///< SIGKILL when the *thread* that started it ends
};

/// A child process in a process group of its own, with stdin from /dev/null and captured output. It
/// is killed by the destructor. Not thread-safe, but for signal().
class process {
 public:
  explicit process(const std::vector<std::string>& command, const process_options& = {});
  ~process();
  process(const process&) = delete;
  process& operator=(const process&) = delete;

  pid_t pid() const { return pid_; }
  bool running();
  /// To the child alone. Does nothing when it has been waited for.
  void signal(int) const;
  /// Nothing when it still runs at the deadline.
  std::optional<exit_status> wait(std::chrono::milliseconds);
  /// SIGKILL to its whole group, and waits.
  exit_status kill();

  std::string out() const; ///< stdout so far
  std::string err() const; ///< stderr so far

 private:
  bool reap(int flags);

  int out_ = -1; ///< a file of its own, also when it is in memory
  int err_ = -1;
  pid_t pid_ = -1;
  std::optional<exit_status> status_;
};

/// A child that has ended.
struct finished_process {
  exit_status status;
  bool timed_out = false;
  std::string out;
  std::string err;
};

/// Runs to the end; after the deadline it is killed and `timed_out`.
finished_process run(const std::vector<std::string>& command, const process_options& = {},
                     std::chrono::milliseconds = std::chrono::seconds(60));

/// The whole file; empty when it is not there.
std::string read_file(const std::filesystem::path&);

} // namespace leat::test
