#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>

namespace leat {

/// What a running pipeline answers to other processes. Handlers run on the server's threads.
struct status_handlers {
  std::function<std::string()> status;                      ///< JSON
  std::function<std::string()> lines;                       ///< the same for people
  std::function<bool(const std::string& table)> resnapshot; ///< false: no such table
};

/// HTTP on a Unix socket in the state directory, and on [http] listen when that is given:
/// GET /status (JSON), GET /status.txt, POST /resnapshot?table=schema.name. Ends with the object.
class status_server {
 public:
  /// Throws leat::error when an address cannot be listened on.
  status_server(const std::filesystem::path& state_directory,
                const std::optional<std::string>& listen, status_handlers);
  ~status_server();

 private:
  struct impl;
  std::unique_ptr<impl> impl_;
};

enum class status_form : std::uint8_t { json, lines };

/// Asks the pipeline that runs on this state directory, over its socket or else at `listen`
/// ([http]); nothing when none does.
std::optional<std::string> ask_status(const std::filesystem::path& state_directory,
                                      const std::optional<std::string>& listen, status_form);
/// As POST /resnapshot. Nothing when no pipeline runs.
std::optional<bool> ask_resnapshot(const std::filesystem::path& state_directory,
                                   const std::optional<std::string>& listen,
                                   const std::string& table);

} // namespace leat
