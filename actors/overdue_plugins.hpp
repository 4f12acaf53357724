#pragma once

#include <filesystem>
#include <functional>
#include <memory>

#include "dataflow/error.hpp"

namespace leat {

/// Takes note, for as long as it lives, of calls of plugins of one pipeline that have not come back
/// in time. `told` is called in a thread of its own; what is in the call never ends, so nothing may
/// wait for it.
class overdue_plugins {
 public:
  overdue_plugins(std::filesystem::path pipeline_file, std::function<void(const error&)> told);
  ~overdue_plugins();
  overdue_plugins(const overdue_plugins&) = delete;
  overdue_plugins& operator=(const overdue_plugins&) = delete;

  /// Where nobody takes note the error goes to stderr, and the process ends with its code.
  static void tell(const std::filesystem::path& pipeline_file, const error&);

 private:
  std::filesystem::path file_;
  std::shared_ptr<const std::function<void(const error&)>> told_;
};

} // namespace leat
