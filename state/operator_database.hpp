#pragma once

#include <cstddef>
#include <filesystem>
#include <memory>

#include "dataflow/key_value_store.hpp"

namespace leat {

inline constexpr std::size_t default_operator_memory = 32U << 20;

/// The state of transforms in a RocksDB database of its own (docs/state-format.md): its size and
/// its rate of change are another matter than those of checkpoints, and several sinks write to it.
/// Throws leat::error of kind state. `read_only`: as of now, while another process may have it
/// open. `memory`: what it may take, in bytes, for what it has read and for what it has to write.
std::shared_ptr<key_value_store>
open_operator_database(const std::filesystem::path& directory, bool read_only,
                       std::size_t memory = default_operator_memory);

} // namespace leat
