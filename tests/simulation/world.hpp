#pragma once

#include <array>
#include <cstdint>
#include <cstdlib>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "dataflow/sink.hpp"
#include "tests/simulation/memory_store.hpp"
#include "tests/simulation/sim_database.hpp"

namespace leat::sim {

struct target_row {
  row_version shown;
  bool deleted = false; ///< delete = "soft"
};

/// A row of a target of mode append (R11).
struct log_row {
  change_kind kind = change_kind::insert;
  position at;
  std::string key; ///< of the old row, for a remove
  row_version shown;
  bool has_value = true; ///< false: not of the old row
  bool has_large = true;
};

/// A table of a target, as its transactions see it.
struct target_table {
  std::size_t source = 0; ///< number of the source's table
  route_mode mode = route_mode::upsert;
  bool even_alone = false; ///< its route takes rows with an even value
  std::vector<std::pair<std::int16_t, std::string>> columns; ///< number at the source, name
  std::string record; ///< columns_record() of the route that they are of
  std::uint32_t generation = 0;
  bool finished = true;

  // With a key.
  std::map<std::string, target_row> rows;
  std::set<std::string> brought; ///< keys, since the snapshot began (R12)
  bool settled = true;           ///< the rows are those of the stream's position (R6), but
  std::set<std::string> read;    ///< for those of these keys

  // Without one.
  bag_rows bag;
  bag_rows fresh; ///< of the snapshot under way, and its changes

  // Of mode append.
  std::vector<log_row> log;            ///< since the last commit
  std::optional<std::size_t> checked;  ///< transactions whose changes were there
  std::set<std::string> begun;         ///< keys that came with a change since the snapshot began
  std::set<std::string> snapshot_rows; ///< keys that came with a chunk of it

  std::int16_t extra() const {
    return columns.empty() || columns.back().first <= large_number ? std::int16_t{0}
                                                                   : columns.back().first;
  }
};

/// What a target holds durably.
struct target {
  std::map<std::string, target_table> tables; ///< by name
  std::optional<target_progress> progress;
  std::set<std::string> attached; ///< tables of this life's routes
  /// Table of mode append -> transactions that had passed when its route was new.
  std::map<std::string, std::size_t> log_from;
  /// Table -> the generation that it has to reach, since somebody asked for it (R12).
  std::map<std::string, std::uint32_t> due;
  std::map<std::string, std::map<std::string, std::string>>
      counts; ///< of counting transforms, by table
};

/// Everything outside the actors of one simulated pipeline: what is durable, what breaks, and what
/// was found wrong.
struct world {
  explicit world(model::random& r) : database(r) {}

  sim_database database;
  std::shared_ptr<memory_store> store = std::make_shared<memory_store>(*this);
  std::map<std::string, target> targets; ///< by sink
  /// As target::counts, by sink: in the open transaction.
  std::map<std::string, std::map<std::string, std::map<std::string, std::string>>> open_counts;
  wal_lsn confirmed{}; ///< of the slot
  bool slot_made = false;
  std::size_t streams_from = 0; ///< transactions that are not streamed in this life
  bool read_anew = false;       ///< a table was, or is to be: targets need not stay consistent

  /// A place where something may fail: throws when it is this one's turn, and always once the
  /// process is dead.
  void pass(const char* step);
  void fail_in(std::uint64_t steps) { steps_left_ = steps; }
  void kill() { dead_ = true; }
  void calm() { steps_left_ = 0; }
  void revive() { dead_ = false; }
  bool dead() const { return dead_; }
  const std::set<std::string>& failed_steps() const { return failed_; }

  /// Tells what happens when LEAT_SIM_TRACE is set.
  void trace(const std::string& what) const;

  /// Something that must not be; the first one counts.
  void violate(std::string what);
  const std::optional<std::string>& violation() const { return violation_; }

  /// Somebody was told that this table is read anew at every target that has it.
  void ask(oid table);

  /// Where every target stands, as a restart would find it.
  std::vector<target_stand> stands() const;

 private:
  std::uint64_t steps_left_ = 0; ///< 0: none fails
  bool dead_ = false;
  bool traced_ = std::getenv("LEAT_SIM_TRACE") != nullptr;
  std::set<std::string> failed_;
  std::optional<std::string> violation_;
};

/// What a planted failure says of itself.
constexpr const char* planted = "planted";

} // namespace leat::sim
