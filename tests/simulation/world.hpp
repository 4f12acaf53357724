#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "dataflow/sink.hpp"
#include "tests/simulation/memory_store.hpp"
#include "tests/simulation/sim_database.hpp"

namespace leat::sim {

/// A table of a target, as its transactions see it.
struct target_table {
  table_rows rows;
  std::set<std::string> brought; ///< keys, since the snapshot began (R12)
  std::uint32_t generation = 0;
  bool finished = true;
  bool settled = true;        ///< the rows are those of the stream's position (R6), but
  std::set<std::string> read; ///< for those of these keys
};

/// What a target holds durably.
struct target {
  std::map<std::string, target_table> tables; ///< by name
  std::optional<target_progress> progress;
};

/// Everything outside the actors of one simulated pipeline: what is durable, what breaks, and what
/// was found wrong.
struct world {
  explicit world(model::random& r) : database(r) {}

  sim_database database;
  std::shared_ptr<memory_store> store = std::make_shared<memory_store>(*this);
  std::map<std::string, target> targets; ///< by sink
  wal_lsn confirmed{};                   ///< of the slot
  bool slot_made = false;
  bool read_anew = false; ///< a table was, or is to be: targets need not stay consistent

  /// A place where something may fail: throws when it is this one's turn, and always once the
  /// process is dead.
  void pass(const char* step);
  void fail_in(std::uint64_t steps) { steps_left_ = steps; }
  void kill() { dead_ = true; }
  void calm() { steps_left_ = 0; }
  void revive() { dead_ = false; }
  bool dead() const { return dead_; }
  const std::set<std::string>& failed_steps() const { return failed_; }

  /// Something that must not be; the first one counts.
  void violate(std::string what);
  const std::optional<std::string>& violation() const { return violation_; }

  /// Where every target stands, as a restart would find it.
  std::vector<target_stand> stands() const;

 private:
  std::uint64_t steps_left_ = 0; ///< 0: none fails
  bool dead_ = false;
  std::set<std::string> failed_;
  std::optional<std::string> violation_;
};

/// What a planted failure says of itself.
constexpr const char* planted = "planted";

} // namespace leat::sim
