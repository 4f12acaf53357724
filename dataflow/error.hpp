#pragma once

#include <cstdint>
#include <stdexcept>
#include <string>

namespace leat {

/// Where an error belongs; the value is the exit code of the `leat` binary.
enum class error_kind : std::uint8_t { usage = 2, source = 3, sink = 4, state = 5, bug = 70 };

/// Whether running again can help. A transient error makes the engine restart the pipeline from its
/// last checkpoint with backoff; a permanent one ends it.
enum class error_retry : std::uint8_t { permanent, transient };

/// What ends a pipeline: what happened, where (a file position, a table, a server), and what a
/// person can do about it. `what()` is the first of them alone. `where` and `remedy` may be empty.
class error : public std::runtime_error {
 public:
  error(error_kind kind, std::string what, std::string where, std::string remedy,
        error_retry retry = error_retry::permanent);

  error_kind kind() const noexcept { return kind_; }
  bool transient() const noexcept { return retry_ == error_retry::transient; }
  const std::string& where() const noexcept { return where_; }
  const std::string& remedy() const noexcept { return remedy_; }

  /// `<what> (<where>)`, without the remedy: one line for logs and status.
  std::string brief() const;

 private:
  error_kind kind_;
  error_retry retry_;
  std::string where_;
  std::string remedy_;
};

} // namespace leat
