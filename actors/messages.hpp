#pragma once

#include <caf/allowed_unsafe_message_type.hpp>
#include <caf/fwd.hpp>
#include <caf/replies_to.hpp>

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "dataflow/checkpoint.hpp"
#include "dataflow/credit.hpp"
#include "dataflow/error.hpp"
#include "dataflow/frame.hpp"
#include "dataflow/sink.hpp"
#include "dataflow/snapshot_driver.hpp"

namespace leat {

/// Coordinator -> source: cut this epoch at the next transaction's end.
struct cut_barrier {
  epoch_id epoch = 0;
  bool force = false; ///< also when nothing has passed since the last
};
/// Coordinator -> source: this far is durable everywhere (R4).
struct confirm_position {
  wal_lsn durable{};
};
/// Source's thread -> source: the stream has ended, by an error or on demand.
struct stream_ended {
  std::shared_ptr<const error> failure; ///< null: on demand
};

/// Router -> coordinator: barrier `state->epoch` has passed the router; its part of the checkpoint,
/// and which sinks commit something.
struct epoch_cut {
  std::shared_ptr<const checkpoint> state; ///< sink_epochs are the coordinator's to fill in
  std::map<std::string, bool> commits;
  std::map<std::string, bool> consistent;
  bool snapshots_active = false;
  std::vector<std::uint64_t> begun; ///< numbers of requests whose snapshots `state` holds first
};
/// Router or sink -> coordinator: an early barrier would help.
struct hurry {};
/// Coordinator -> router: no restart goes back before checkpoint `epoch`.
struct epoch_completed {
  epoch_id epoch = 0;
};
/// Coordinator -> router: rows a sink could not complete (R6).
struct rows_missing {
  missing_keys keys;
};

/// Router -> reader: one piece of work.
struct read_task {
  snapshot_request request;
};
/// Reader -> router: what came of it. `failed`: the connection broke; the same request may be given
/// again.
struct read_done {
  std::size_t reader = 0;
  snapshot_request request;
  std::variant<std::monostate, visibility_probe, table_description, chunk_plan, chunk_result>
      result;
  std::string failure;
};

/// Sink -> coordinator: everything of the epoch is in the open target transaction.
struct sink_prepared {
  std::string sink;
  epoch_id epoch = 0;
  missing_keys missing;
};
/// Coordinator -> sink: the checkpoint is synced; commit.
struct commit_epoch {
  epoch_id epoch = 0;
};
/// Sink -> coordinator.
struct sink_committed {
  std::string sink;
  epoch_id epoch = 0;
  std::chrono::milliseconds pace{}; ///< sink::pace()
};

/// A timer of the receiver; stale generations are ignored.
struct tick {
  std::uint64_t generation = 0;
};
/// Supervisor -> coordinator: finish the open epoch, then end.
struct finish {};
/// Engine -> supervisor, and supervisor -> itself after a backoff: build the pipeline and run it.
struct begin {};
/// Engine -> supervisor: end cleanly, or at once.
struct stop_request {
  bool at_once = false;
};
/// Supervisor -> itself: the clean end takes too long. Of another run: nothing.
struct stop_deadline {
  std::uint64_t run = 0;
};
/// Catalog watch -> supervisor: these are published and a plan takes them. Begin again with them.
struct join_tables {
  std::map<oid, schema_ptr> tables;
};
/// Engine -> supervisor -> coordinator: read a table anew under the stream (R12). Answered once the
/// state holds the request. Coordinator -> router: the same, with its number.
struct resnapshot {
  oid table = 0;
  std::uint64_t number = 0;
};

/// The replication stream; its thread sends frames to the router.
using source_actor =
    caf::typed_actor<caf::reacts_to<grant>, caf::reacts_to<cut_barrier>,
                     caf::reacts_to<confirm_position>, caf::reacts_to<stream_ended>>;
/// Source -> router, before the first frame: where grants go (actors/wiring.hpp).
struct attach_source;
/// Splits stream and chunks by route and sink.
using router_actor = caf::typed_actor<caf::reacts_to<attach_source>, caf::reacts_to<frame>,
                                      caf::reacts_to<grant>, caf::reacts_to<read_done>,
                                      caf::reacts_to<epoch_completed>, caf::reacts_to<rows_missing>,
                                      caf::reacts_to<resnapshot>, caf::reacts_to<tick>>;
/// Reads chunks over a connection of its own.
using reader_actor = caf::typed_actor<caf::reacts_to<read_task>>;
/// Router -> sink, before the first frame: where grants go (actors/wiring.hpp).
struct attach_router;
/// One [sink.NAME]: writes and commits epochs.
using sink_actor = caf::typed_actor<caf::reacts_to<attach_router>, caf::reacts_to<frame>,
                                    caf::reacts_to<commit_epoch>>;
/// Supervisor -> coordinator, once all exist: the epochs begin (actors/wiring.hpp).
struct coordinator_peers;
/// Cuts epochs, writes checkpoints, lets sinks commit, confirms. Ends by itself when it was told to
/// finish, or when what --until asks for is committed everywhere.
using coordinator_actor =
    caf::typed_actor<caf::reacts_to<coordinator_peers>, caf::reacts_to<tick>, caf::reacts_to<hurry>,
                     caf::reacts_to<epoch_cut>, caf::reacts_to<sink_prepared>,
                     caf::reacts_to<sink_committed>, caf::reacts_to<finish>,
                     caf::replies_to<resnapshot>::with<bool>>;

/// Tells status of open transactions that something waits for; its tick is its own.
using transaction_watch_actor = caf::typed_actor<caf::reacts_to<tick>>;

/// Tells status of tables that came and went at the source, and the supervisor of those that join;
/// its tick is its own.
using catalog_watch_actor = caf::typed_actor<caf::reacts_to<tick>>;

/// Builds, watches, restarts and ends one pipeline.
using supervisor_actor =
    caf::typed_actor<caf::reacts_to<begin>, caf::reacts_to<stop_request>,
                     caf::reacts_to<stop_deadline>, caf::reacts_to<join_tables>,
                     caf::replies_to<resnapshot>::with<bool>>;

} // namespace leat

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(leat::frame)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(leat::grant)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(leat::cut_barrier)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(leat::confirm_position)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(leat::stream_ended)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(leat::epoch_cut)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(leat::hurry)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(leat::epoch_completed)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(leat::rows_missing)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(leat::read_task)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(leat::read_done)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(leat::sink_prepared)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(leat::commit_epoch)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(leat::sink_committed)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(leat::tick)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(leat::finish)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(leat::begin)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(leat::stop_request)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(leat::stop_deadline)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(leat::join_tables)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(leat::resnapshot)
