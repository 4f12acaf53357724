#pragma once

#include <memory>
#include <optional>
#include <string>

#include "plugins/starrocks/load_lane.hpp"

namespace leat::starrocks {

/// The load transactions of one epoch, in one of the two ways of docs/starrocks-exactly-once.md. A
/// transaction begins with the first rows for it.
class epoch_loads {
 public:
  virtual ~epoch_loads() = default;

  /// After a crash: asks for every label of this way that may be open, and commits or rolls back.
  /// The record has been claimed and read. Gives the progress when that has changed.
  virtual std::optional<target_progress> recover() = 0;

  /// The rows may be under way still when it returns; those of one table arrive in order.
  virtual void load(const std::string& table, load_piece) = 0;
  /// All rows of the chunk have been given to load(): what commits them is to say so (R11).
  virtual void end_chunk(ended_chunk) = 0;
  /// Keeps a row that cannot be written (dead_letters::note()). Only where dead letters are kept.
  virtual void bury(const std::string& note, const std::string& reason) = 0;
  /// Whether the epoch has rows of the table under way.
  virtual bool has(const std::string& table) const = 0;
  /// Commits what is under way for the table, ahead of its epoch, so that a statement may follow. A
  /// crash before the epoch's own commit repeats them over themselves (go_ahead()); chunks that
  /// have ended are not repeated.
  virtual void drain(const std::string& table) = 0;
  /// Rows are durable, where the way of committing has that.
  virtual void prepare() = 0;
  virtual void commit(const target_progress& next) = 0;
};

/// One transaction over all tables of the epoch, which holds the progress row as well (4.0 and
/// later).
std::unique_ptr<epoch_loads> make_epoch_loads(load_services&);

/// One prepared transaction a table.
std::unique_ptr<epoch_loads> make_table_loads(load_services&);

} // namespace leat::starrocks
