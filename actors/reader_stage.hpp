#pragma once

#include <memory>

#include "actors/execution.hpp"
#include "actors/messages.hpp"
#include "dataflow/source.hpp"

namespace leat {

/// Does one read_task at a time, which blocks; answers with read_done. The reader is
/// shared with the supervisor, which cancels what blocks.
reader_actor make_reader_stage(caf::actor_system&, std::size_t index, std::shared_ptr<table_reader>,
                               execution = execution::own_thread);

} // namespace leat
