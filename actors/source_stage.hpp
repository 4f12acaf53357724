#pragma once

#include <memory>

#include "actors/log.hpp"
#include "actors/messages.hpp"
#include "actors/status_board.hpp"
#include "dataflow/source.hpp"

namespace leat {

constexpr channel_id stream_channel = 0;

/// Runs the stream on a thread of its own, which sends frames to the router under credit.
source_actor make_source_stage(caf::actor_system&, std::unique_ptr<change_stream>, router_actor,
                               credit_window, wal_lsn resume, std::shared_ptr<status_board>,
                               log_function);

} // namespace leat
