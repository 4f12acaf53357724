#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "dataflow/batch_spool.hpp"
#include "dataflow/checkpoint.hpp"
#include "dataflow/error.hpp"
#include "dataflow/frame.hpp"
#include "dataflow/source_table.hpp"
#include "dataflow/spill.hpp"
#include "dataflow/visibility.hpp"

namespace leat {

/// What the stream's thread hands on, and what it is told. Implemented by the source stage.
class stream_output {
 public:
  virtual ~stream_output() = default;

  /// True when a batch may be emitted now. Asked before each; barriers need no credit.
  virtual bool has_credit() const = 0;
  virtual void emit(payload) = 0;

  /// The next barrier that was asked for and not cut yet; the stream cuts it between two
  /// transactions. `force`: also when nothing has passed since the last.
  struct barrier_request {
    epoch_id epoch = 0;
    bool force = false;
  };
  virtual std::optional<barrier_request> wanted_barrier() const = 0;
  /// Everything up to here is durable at every target and in a synced checkpoint (R4).
  virtual wal_lsn confirmable() const = 0;
  virtual bool stopping() const = 0;

  /// A descriptor that becomes readable when one of the answers above may have changed; the stream
  /// drains it with drain_wakeups().
  virtual int wakeup_fd() const = 0;
  virtual void drain_wakeups() = 0;

  /// For status: what the stream waits for, and lost connections.
  virtual void report(std::string message) = 0;
};

/// The streaming half of a source. Runs on a thread of its own.
class change_stream {
 public:
  virtual ~change_stream() = default;
  /// Streams from the checkpoint's resume point until output.stopping(); reconnects by itself.
  /// Throws leat::error for what a reconnect cannot mend.
  virtual void run(stream_output& output) = 0;
};

class table_reader;

/// Where a stream starts.
struct stream_start {
  commit_lsn position{}; ///< last transaction that is in the checkpoint
  wal_lsn resume{};
};

/// A source database: what the engine needs of it beside the stream and the chunks. One thread; all
/// calls may block and throw leat::error of kind source.
class source {
 public:
  virtual ~source() = default;

  /// Fills in what names the cluster (system_id, timeline, database). Throws for a server that
  /// cannot be captured from (too old, a standby).
  virtual void identify(pipeline_identity&) = 0;

  /// Every table that could be captured, as the catalog has it now.
  virtual std::vector<source_table> tables() = 0;

  /// Makes publication and slot when they are missing, in this order, adds tables to the
  /// publication, and notes in the identity what it made: `made` is called after each, so that a
  /// crash before the other does not forget it. An identity that names a slot must find it: then a
  /// missing one is an error. Gives what the slot was confirmed to.
  virtual wal_lsn prepare(pipeline_identity&, const std::vector<schema_ptr>& tables,
                          const std::function<void()>& made) = 0;

  /// After prepare(): how the catalog has these tables. Those that it has no more are left out.
  virtual std::map<oid, table_stamp> stamps(const std::vector<schema_ptr>&) { return {}; }

  /// What prepare() would give for an identity that names a slot, and its error when that is
  /// missing; nothing for one that names none. Changes nothing.
  virtual std::optional<wal_lsn> look_at_slot(const pipeline_identity&) { return std::nullopt; }

  /// Whom a snapshot's fence waits for (R5.5): a text for each transaction from before `before`
  /// that is open, a few at most. Without it, whom the slot waits for that is being made; empty
  /// when none is.
  virtual std::vector<std::string> open_transactions(std::optional<std::uint64_t> before) = 0;

  /// Of these tables, which tables() has told of, those that a running pipeline cannot take: what
  /// prepare() or a reader would refuse. Changes nothing.
  virtual std::map<oid, error> obstacles(const std::vector<schema_ptr>&) { return {}; }
  /// Adds all of them to the publication as prepare() does, while the stream runs. Throws a
  /// transient error soon when a lock is not to be had.
  virtual void publish(const std::vector<schema_ptr>&) {}

  /// End of the WAL now.
  virtual wal_lsn position() = 0;

  /// `known`: tables as the checkpoint has them.
  virtual std::unique_ptr<change_stream> open_stream(const pipeline_identity&, stream_start,
                                                     const std::vector<schema_ptr>& known,
                                                     spill_area&) = 0;
  /// `spill` takes the rows of tables without a key.
  virtual std::shared_ptr<table_reader> open_reader(const pipeline_identity&,
                                                    std::shared_ptr<spill_area> spill) = 0;

  /// Removes slot and publication that leat made, and says which were there. Throws (transient)
  /// while somebody uses the slot.
  struct dropped {
    bool slot = false;
    bool publication = false;
  };
  virtual dropped drop(const pipeline_identity&) = 0;
  /// Makes a blocked call of another thread end soon; thread-safe.
  virtual void cancel() noexcept = 0;
};

/// Rows of one chunk, buffered whole, with the snapshot they were read in (R5). Those of a table
/// without a key, which is one chunk, may be `spooled`.
struct chunk_rows {
  chunk_bounds bounds;
  xid_snapshot seen;                    ///< S
  wal_lsn high{};                       ///< H, read after S
  std::vector<batch_ptr> batches;       ///< changes of kind read, in key order
  std::shared_ptr<batch_spool> spooled; ///< or null
  std::uint64_t rows = 0;
  std::uint64_t bytes = 0;
};

/// Why a chunk gave no rows.
enum class chunk_failure : std::uint8_t {
  none,
  too_large,       ///< beyond what a chunk may have: `splits` says where to cut it
  table_gone,      ///< dropped, or no longer readable under this name
  rewritten,       ///< another relfilenode than planned: the table's snapshot begins again
  columns_changed, ///< the catalog is ahead of the stream: wait until it has passed `high`
  disconnected,    ///< try again
};

struct chunk_result {
  chunk_failure failure = chunk_failure::none;
  chunk_rows rows;
  std::vector<std::vector<std::string>> splits; ///< keys of rows but the first, in key order
};

/// Bounds of all chunks of a table.
struct chunk_plan {
  bool table_gone = false;
  std::vector<chunk_bounds> chunks;
  std::uint64_t storage = 0;
  std::uint64_t rows_estimated = 0;
};

/// A table as the catalog has it.
struct table_description {
  schema_ptr schema; ///< null: it is gone
  wal_lsn high{};    ///< read after it: what has made the table so lies before
};

/// A snapshot of the server's transactions and the next xid, read outside any chunk.
struct visibility_probe {
  xid_snapshot seen;
  wal_lsn high{};
  std::uint64_t next_xid = 0; ///< 64 bits
};

/// The reading half of a source: one connection, used by one thread. Calls block; cancel() of
/// another thread ends them with chunk_failure::disconnected or a transient leat::error.
class table_reader {
 public:
  virtual ~table_reader() = default;
  virtual visibility_probe probe() = 0;
  virtual table_description describe(oid table) = 0;
  virtual chunk_plan plan(const table_schema&) = 0;
  /// `condition`: rows that it does not hold for may be left out; it is SQL over the table's
  /// columns.
  virtual chunk_result read(const table_schema&, const chunk_bounds&, std::uint64_t storage,
                            const std::string& condition = {}) = 0;
  /// Rows of the given keys as a chunk of their own (R6). Keys are texts of `key` (indexes into
  /// columns).
  virtual chunk_result read_keys(const table_schema&, const std::vector<std::uint16_t>& key,
                                 const std::vector<std::vector<std::string>>& keys) = 0;
  virtual void cancel() noexcept = 0;
};

} // namespace leat
