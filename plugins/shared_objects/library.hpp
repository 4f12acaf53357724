#pragma once

#include <chrono>
#include <filesystem>
#include <string>
#include <vector>

#include "leat/plugin.h"
#include "plugins/shared_objects/call_watch.hpp"

namespace leat::shared_objects {

/// An option that a plugin declares.
struct plugin_option {
  std::string name;
  std::uint32_t kind = 0; ///< LEAT_OPTION_...
  bool required = false;
};

/// A plugin whose table has been looked through. The object stays loaded until the process ends.
class library {
 public:
  /// Loads the shared object and asks for its table. Throws leat::error of kind usage when the file
  /// is not there or is no plugin, or when it and this leat do not go together.
  library(const std::filesystem::path&, const leat_host&, std::chrono::milliseconds limit,
          const overdue_handler&);

  const std::string& name() const { return name_; }
  const std::string& version() const { return version_; }
  const std::filesystem::path& path() const { return path_; }
  const std::vector<plugin_option>& options() const { return options_; }
  /// Members that an older plugin does not have are null.
  const leat_plugin& table() const { return table_; }

  /// `plugin "mask" (/path/libmask.so)`: how messages name it.
  std::string label() const;

 private:
  void look_through(const leat_plugin*, const leat_host&);
  void read_options();
  [[noreturn]] void refuse(const std::string& what, const std::string& remedy) const;

  std::filesystem::path path_;
  leat_plugin table_{};
  std::string name_;
  std::string version_;
  std::vector<plugin_option> options_;
};

} // namespace leat::shared_objects
