#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "dataflow/error.hpp"
#include "dataflow/frame.hpp"
#include "dataflow/missing_rows.hpp"
#include "dataflow/route.hpp"

namespace leat {

struct dead_letter;

/// The progress record of a target (docs/progress-row.md): written with the data of an epoch in one
/// target transaction, and what a restart believes.
struct target_progress {
  std::string pipeline_id; ///< random, made with the state directory
  epoch_id epoch = 0;      ///< names the checkpoint the target stands at
  commit_lsn position{};   ///< last transaction the target holds
  bool consistent = false; ///< R2
  /// route::progress_name() -> generation of the last snapshot that was begun << 32 | number of the
  /// last chunk of it that the table holds (R11); 0: none yet.
  std::map<std::string, std::uint64_t> last_chunk;
  /// route::progress_name() -> columns_record() of the route that the table has the columns of, as
  /// open() finds it: the sink writes it with the DDL, and commit() ignores it. Nothing for a table
  /// that is not there, or that a leat of before format 2 has made.
  std::map<std::string, std::string> columns;

  std::uint32_t last_generation(const std::string& name) const {
    const auto found = last_chunk.find(name);
    return found == last_chunk.end() ? 0 : static_cast<std::uint32_t>(found->second >> 32);
  }
};

/// A column as a target keeps it, for `leat plan`.
struct kept_column {
  std::string name;
  std::string source_type;
  std::string target_type;
  std::string loss; ///< what the source's type tells and the target's does not; empty: nothing
};

class spill_area;

/// What a sink may take of the engine's limits (R9).
struct sink_resources {
  std::shared_ptr<spill_area> spill;
  std::size_t load_bytes = 32U << 20; ///< of rows on their way to the target
  std::size_t missing_bytes = missing_gatherer::most_by_default; ///< of an epoch's missing keys
};

/// Takes the changes of one route. Runs in its sink's thread; every call may throw leat::error.
class writer {
 public:
  virtual ~writer() = default;

  /// Takes changes in stream order and folds them by key; may keep `rows` until the next flush().
  virtual void write(const batch_ptr& rows, std::span<const std::uint32_t> changes) = 0;

  /// Bytes that the writer keeps alive, for the sink's bound.
  virtual std::size_t buffered() const = 0;

  /// Memory is short, or what follows wants it: what is folded goes into the open transaction,
  /// or where it waits for the epoch's end. sink::prepare() flushes all writers itself.
  virtual void flush() = 0;

  /// Applies the DDL from the columns that the table has, those of the last change or else of
  /// attach(), to those of `after`, and writes them into the progress record. After a flush().
  virtual void change_schema(const route_ptr& after) = 0;

  /// A snapshot of the table begins, is complete, or is given up (see snapshot_event). After a
  /// flush().
  virtual void begin_snapshot(std::uint32_t generation) = 0;
  virtual void finish_snapshot(std::uint32_t generation) = 0;
  virtual void give_up_snapshot(std::uint32_t /*generation*/) {}

  /// True for a log whose sink may commit rows ahead of their epoch: so that none comes twice
  /// (R11), finish_chunk() tells when all rows of a chunk were written.
  virtual bool takes_chunks() const { return false; }
  virtual void finish_chunk(std::uint32_t /*generation*/, std::uint64_t /*number*/) {}
};

/// One [sink.NAME]. All calls come from one thread at a time; every call may throw leat::error.
///
/// Life: open(), attach() for each route, then epochs: writers' write() and flush(), prepare(),
/// commit(). A sink that was not opened, or that has thrown, is thrown away and made anew.
class sink {
 public:
  virtual ~sink() = default;

  /// Connects, makes the progress table when missing, and reads this pipeline's record; nothing
  /// when there is none. Throws when the target is in use by another pipeline of the same name.
  virtual std::optional<target_progress> open() = 0;

  /// Between open() and attach(). A sink that was given nothing spills nothing.
  virtual void use(const sink_resources&) {}

  /// The least time between two commits that the target has shown to keep up with; zero: any.
  virtual std::chrono::milliseconds pace() const { return {}; }

  /// What is written waits for its epoch's end: an epoch had better end before memory does, since
  /// what goes beyond it is spilled.
  virtual bool gathers_epochs() const { return false; }

  /// False for a target that cannot remember: it stands wherever the newest checkpoint says.
  virtual bool keeps_progress() const { return true; }

  /// Makes the route's table when missing, checks it otherwise, and gives its writer. The sink owns
  /// it. The route is as_recorded() by the target_progress that open() gave.
  virtual writer& attach(const route_ptr&) = 0;

  /// Writes a row that an expression of a route failed for into the sink's dead-letter table, in
  /// the transaction of its epoch. Only where the file names such a table.
  virtual void keep(const dead_letter&) {
    throw error(error_kind::bug, "this sink keeps no dead letters", "", "report this");
  }

  /// Ends the writing of an epoch: everything is in the open target transaction after it. Gives the
  /// rows with unchanged cells whose keys the target does not hold, which the source must send
  /// whole (R6), by the route's key.
  virtual std::map<route_id, missing_rows> prepare() = 0;

  /// Commits everything since the last commit together with `next`, after locking the progress
  /// record and checking that it still is what this sink wrote or read last (the fence of R3). When
  /// it returns, the commit survives a power cut at the target.
  virtual void commit(const target_progress& next) = 0;

  /// Makes a blocked call of another thread end soon; thread-safe.
  virtual void cancel() noexcept {}

  /// Removes this pipeline's progress from the target (`leat drop`). Data stays.
  virtual void forget() = 0;

  /// The statement that would make the route's table, for `leat plan`.
  virtual std::string ddl(const route&) const = 0;

  /// The route's columns, without those that are leat's own.
  virtual std::vector<kept_column> kept_columns(const route&) const { return {}; }

  /// What would keep open() and attach() of these routes from working, looked at without changing
  /// anything
  /// (`leat check`). Needs no open().
  virtual std::vector<error> check(const std::vector<route_ptr>&) { return {}; }

  /// The progress that open() would give, looked at without changing anything and without open().
  /// Nothing: only open() can tell.
  struct found_progress {
    std::optional<target_progress> is;
  };
  virtual std::optional<found_progress> look() { return std::nullopt; }

  /// Of what is written to, whatever names lead there: two sinks of one identity would share a
  /// progress record. Empty: no two can. After open() or look().
  virtual std::string identity() { return {}; }
};

} // namespace leat
