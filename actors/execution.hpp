#pragma once

#include <cstdint>

namespace leat {

/// Where the handlers of a stage run: one whose calls block has a thread of its own; a simulation
/// schedules all of them itself.
enum class execution : std::uint8_t { own_thread, scheduled };

} // namespace leat
