#pragma once

#include <string_view>

namespace leat {

/// Names of the places where a crash would be worst; the crash test kills the process there.
/// LEAT_CRASH_POINT="name:count" in the environment makes the count-th passing of `name` end the
/// process with SIGKILL. Costs one predictable branch otherwise. Thread-safe.
void crash_point(std::string_view name);

} // namespace leat
