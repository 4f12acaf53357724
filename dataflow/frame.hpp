#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "dataflow/batch.hpp"
#include "dataflow/route.hpp"

namespace leat {

/// Number of an edge between two stages, unique in a pipeline.
using channel_id = std::uint32_t;

/// Number of a checkpoint epoch; grows by one per barrier, over restarts too.
using epoch_id = std::uint64_t;

/// Cuts an epoch between two transactions (R2): everything up to it is one consistent cut.
struct barrier {
  epoch_id epoch = 0;
  commit_lsn position{}; ///< last transaction before the barrier
  wal_lsn passed{};      ///< the stream has passed this; what may be confirmed for this epoch (R4)
  bool consistent = false; ///< every chunk's H is passed (R2); set by the router, per sink
  bool commits = true;     ///< the epoch has something to commit at this sink; set by the router
  std::uint64_t missing_known =
      0; ///< reports of missing rows (R6) that the router has from this sink
};

/// Changes of a batch that go to one route, as indexes into rows->changes, in stream order.
struct slice {
  route_id route = 0;
  std::vector<std::uint32_t> changes;
};

/// What the router makes of one source batch for one sink: the batch and its split by route.
struct routed_batch {
  batch_ptr rows;
  std::vector<slice> slices;
};
using routed_ptr = std::shared_ptr<const routed_batch>;

/// The route goes on with another table version (R7).
struct route_changed {
  route_ptr after;
};

/// Place of a snapshot in the stream of a route. `begun`: rows seen from now on are kept (R12).
/// `chunk`: the rows of chunk number `chunk` have just passed. `finished`: every chunk's H is
/// passed; rows that neither a chunk nor a change brought since `begun` go away. It comes again
/// when H of rows that were looked up since (R6) is passed, too. `given_up`: the table is gone at
/// the source, and what the target has of it stays.
struct snapshot_event {
  enum class kind : std::uint8_t { begun, chunk, finished, given_up };
  kind what = kind::begun;
  route_id route = 0;
  std::uint32_t generation = 0; ///< counts the snapshots of a table, from 1
  std::uint64_t chunk = 0;      ///< number of the chunk in its generation, from 1
};

/// The source's connection was lost and made again: what follows comes over the new one. The server
/// may have crashed meanwhile and may give xids once more (R5).
struct source_reconnected {};

/// Nothing follows on this channel.
struct end_of_stream {};

using payload = std::variant<batch_ptr, routed_ptr, route_changed, snapshot_event,
                             source_reconnected, barrier, end_of_stream>;

/// The one message of every edge: data and signals in one numbered FIFO.
struct frame {
  channel_id channel = 0;
  std::uint64_t sequence = 0; ///< from 1; a gap is a bug and fails the pipeline
  payload content;
};

/// Bytes of credit a frame costs. Only batches cost any.
std::size_t cost_of(const payload&);

} // namespace leat
