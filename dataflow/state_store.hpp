#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "dataflow/checkpoint.hpp"
#include "dataflow/key_value_store.hpp"

namespace leat {

/// Somebody wants a table to be read anew (R12).
struct resnapshot_request {
  std::uint64_t number = 0; ///< grows with each
  oid table = 0;
  bool operator==(const resnapshot_request&) const = default;
};

/// What survives a crash. One process has it open at a time. Calls come from one thread at a time;
/// all may throw leat::error of kind state.
class state_store {
 public:
  virtual ~state_store() = default;

  virtual std::optional<pipeline_identity> identity() const = 0;
  virtual void set_identity(const pipeline_identity&) = 0; ///< synced

  /// Epochs of the checkpoints kept, ascending.
  virtual std::vector<epoch_id> epochs() const = 0;
  virtual std::optional<checkpoint> load(epoch_id) const = 0;

  /// One synced write. Nothing of it is there, or all.
  virtual void save(const checkpoint&) = 0;

  /// Keeps rows that sinks have found missing, synced: called before they commit (R6). `until`: the
  /// last epoch whose checkpoint may be made without them. load() gives the checkpoint's own
  /// missing keys and all that were added and not pruned: reading a row once more does no harm.
  /// prune(oldest) forgets those with `until` before `oldest`.
  virtual void add_missing(epoch_id until, const missing_keys&) = 0;

  /// Keeps a request until it is forgotten, synced; gives its number.
  virtual std::uint64_t ask_resnapshot(oid table) = 0;
  /// Those that are kept, by number.
  virtual std::vector<resnapshot_request> resnapshots() const = 0;
  /// Not synced: to read a table once more does no harm.
  virtual void forget_resnapshots(const std::vector<std::uint64_t>& numbers) = 0;

  /// Forgets checkpoints before `oldest`; not synced.
  virtual void prune(epoch_id oldest) = 0;

  /// Where transforms keep their state; with `make` it is made when missing. Null: there is none.
  virtual std::shared_ptr<key_value_store> operators(bool /*make*/) { return nullptr; }
};

} // namespace leat
