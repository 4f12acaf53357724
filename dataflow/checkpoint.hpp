#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "dataflow/frame.hpp"
#include "dataflow/key_set.hpp"
#include "dataflow/missing_rows.hpp"
#include "dataflow/schema.hpp"
#include "dataflow/sink.hpp"
#include "dataflow/visibility.hpp"

namespace leat {

/// Keys that one streamed transaction touched in one table (R5.2).
struct touched_keys {
  bool all = false;        ///< TRUNCATE: every key
  bool overflowed = false; ///< which keys is not known any more: there were more than fit in memory
  bool and_older = false;  ///< with overflowed: stands for every transaction with an older xid, too
  key_set keys;            ///< empty with either
  bool operator==(const touched_keys&) const = default;
};

/// A half-open range of keys, as texts of the key columns; an empty side is open.
struct chunk_bounds {
  std::uint64_t number = 0;       ///< in its generation, from 1
  std::vector<std::string> lower; ///< inclusive
  std::vector<std::string> upper; ///< exclusive
  bool operator==(const chunk_bounds&) const = default;
};

enum class snapshot_phase : std::uint8_t {
  waiting,  ///< for transactions older than the snapshot's fence (R5.5)
  planning, ///< chunk bounds are being asked for
  reading,  ///< chunks are being read
  passing,  ///< every chunk is emitted; the stream has not passed their H yet
  finished,
};

/// Where the snapshot of one source table stands.
struct table_snapshot {
  std::uint32_t generation = 1; ///< 0: is_unread()
  snapshot_phase phase = snapshot_phase::waiting;
  std::uint64_t fence_xid = 0; ///< 64-bit xid that xmin must have passed (R5.5); 0: not read yet
  std::uint64_t storage = 0;   ///< digest of the relfilenodes the chunks were planned with (R5.6)
  std::vector<chunk_bounds> chunks; ///< planned and not emitted yet
  std::uint64_t chunks_emitted = 0;
  std::uint64_t rows_emitted = 0;
  std::uint64_t rows_estimated = 0;
  wal_lsn high{};                   ///< largest H of an emitted chunk or look-up
  std::optional<xid_snapshot> seen; ///< S of a table without a key, from its emission on (R5.7)
  std::map<std::uint32_t, touched_keys> touched; ///< U: xid (32 bits, as streamed) -> keys
  table_stamp stamp; ///< of the table whose rows the targets have, or are given
  std::vector<std::string>
      sinks; ///< "sink" or "sink/target" this generation is for; empty: all (R12)
  bool operator==(const table_snapshot&) const = default;

  /// Of a table whose rows of before the stream are left alone; rows that a sink misses (R6) are
  /// looked up all the same.
  bool is_unread() const { return generation == 0; }
  static table_snapshot unread() {
    table_snapshot s;
    s.generation = 0;
    s.phase = snapshot_phase::finished;
    return s;
  }
};

/// Rows that a sink could not complete (R6), by the source table's key: sink -> source table.
using missing_keys = std::map<std::string, std::map<oid, missing_rows>>;
void add(missing_keys& to, const missing_keys& more);

/// One consistent state of a pipeline (R3). Written in one synced write before any target commits
/// `epoch`.
struct checkpoint {
  epoch_id epoch = 0;
  commit_lsn position{};             ///< last transaction before the barrier
  wal_lsn resume{};                  ///< where START_REPLICATION starts; what may be confirmed
  std::map<oid, schema_ptr> schemas; ///< tables as the stream has them at the barrier
  std::map<oid, table_snapshot> snapshots;
  std::map<std::string, epoch_id>
      sink_epochs; ///< sink -> last epoch, up to this one, in which it commits anything
  std::map<std::string, std::string> routes; ///< "sink/target" -> fingerprint of the route (R12)
  missing_keys missing;                      ///< rows to be read from the source (R6)
};

/// What belongs to the pipeline as a whole.
struct pipeline_identity {
  std::string id; ///< random
  std::string name;
  std::uint64_t system_id = 0; ///< of the source cluster
  std::uint32_t timeline = 0;
  std::string database;
  std::string slot;
  std::string publication;
  bool made_slot = false; ///< leat created them, so `drop` removes them
  bool made_publication = false;
};

} // namespace leat
