#pragma once

#include <cstdint>
#include <functional>
#include <string>

namespace leat {

enum class log_level : std::uint8_t { debug, info, warn, error };

/// Where stages say what happens, one event a call; thread-safe, and given by the host.
using log_function = std::function<void(log_level, const std::string&)>;

} // namespace leat
