#pragma once

#include <filesystem>
#include <memory>

#include "dataflow/state_store.hpp"
#include "state/operator_database.hpp"

namespace leat {

/// The state of a pipeline in a RocksDB database at `directory` (docs/state-format.md), made when
/// missing. prune(oldest) keeps the newest checkpoint at or before `oldest`, also when that one
/// itself is not there. load() gives the chunks of a snapshot in the order of their numbers.
///
/// `read_only` gives what the state holds at this moment, also while another process has it open;
/// writing calls then throw. `operator_memory`: bytes that the state of transforms may take of it.
std::unique_ptr<state_store> open_state(const std::filesystem::path& directory, bool read_only,
                                        std::size_t operator_memory = default_operator_memory);

/// Another process has it open for writing. Nothing is locked, and one may begin at any moment.
bool is_in_use(const std::filesystem::path& state_directory);

} // namespace leat
