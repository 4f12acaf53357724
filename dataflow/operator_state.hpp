#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "dataflow/frame.hpp"
#include "dataflow/key_value_store.hpp"
#include "dataflow/keyed_state.hpp"

namespace leat {

/// Whose state it is: one transform of one route.
struct operator_name {
  std::string sink;
  std::string target;      ///< the table at the target
  oid table = 0;           ///< at the source
  std::uint32_t place = 0; ///< in the route's list, from 0
  std::string transform;   ///< NAME of [transform.NAME]
  auto operator<=>(const operator_name&) const = default;
};

struct operator_size {
  operator_name of;
  std::uint64_t keys = 0;
  std::uint64_t bytes = 0; ///< of keys and values
};

/// Keyed state of transforms over crashes (docs/state-format.md). It is written as it changes, each
/// change with the value that was there before, under the last barrier that its sink had passed. A
/// restart undoes, for each sink, what was written after the barrier that the sink's target names:
/// then the state is what the target shows, and changes that the target holds are dropped before
/// they come here. So a checkpoint costs what changed, and memory is bounded whatever an epoch
/// holds.
class operator_store {
 public:
  /// Throws leat::error for another format.
  explicit operator_store(std::shared_ptr<key_value_store>);

  /// Takes back what this sink's transforms did after barrier `epoch`.
  void undo(const std::string& sink, epoch_id epoch);
  /// The last barrier that synced() was called with; nothing for a sink that never had state.
  std::optional<epoch_id> synced(const std::string& sink) const;

  bool holds(const operator_name&) const;
  /// Makes what is missing, for sinks that stand at these barriers, and empties what another `kind`
  /// of transform has left. Synced.
  void make(const std::map<operator_name, std::string>& kinds,
            const std::map<std::string, epoch_id>& sinks);
  /// Removes all state but of these. Synced.
  void keep(const std::map<operator_name, std::string>&);
  std::vector<operator_size> sizes() const;

  /// The sink's target names this epoch, or none at all (`any`). From any thread.
  void stands_at(const std::string& sink, epoch_id);
  static constexpr epoch_id any = ~epoch_id{0};
  /// No restart goes back before `oldest`: what undoing needed is forgotten, up to where each
  /// sink's target stands. From any thread.
  void forget_before(epoch_id oldest);

  key_value_store& log() { return *log_; }

 private:
  std::shared_ptr<key_value_store> log_;
  epoch_id stand_of(const std::string& sink);

  std::mutex mutex_;
  std::map<std::string, epoch_id> stands_; ///< by sink
};

/// The states of one sink's transforms, used by the sink's thread.
class operator_states {
 public:
  /// `after`: the barrier that the state stands at.
  operator_states(std::shared_ptr<operator_store>, std::string sink, epoch_id after);
  ~operator_states();
  operator_states(const operator_states&) = delete;
  operator_states& operator=(const operator_states&) = delete;

  /// It has been made. Lives as long as this.
  keyed_state& open(const operator_name&);

  /// A snapshot of the table begins: the states of its route begin anew, but for one that has been
  /// begun with this generation already. `always`: for that one too.
  void begin_snapshot(const operator_name&, std::uint32_t generation, bool always);

  /// Everything so far is written, not synced. Between two frames.
  void write();
  /// The sink has passed a barrier; `synced`: its target may commit it, so that the state has to be
  /// durable.
  void pass(epoch_id barrier, bool synced);
  void committed(epoch_id epoch) { store_->stands_at(sink_, epoch); }

  std::vector<operator_size> sizes() const;

 private:
  struct space;
  class handle;
  friend class handle;

  struct pending;
  std::optional<std::string> get(const space&, std::string_view key);
  void set(space&, std::string_view key, std::optional<std::string_view> value);
  /// Empties it; what it held goes when no restart needs it.
  void begin_anew(space&, std::uint32_t snapshot);
  std::string undo_key();
  /// A key's entry, read when it is not there yet: most that are read are written next.
  std::map<std::string, pending, std::less<>>::iterator entry(const space&, std::string_view key);

  struct pending {
    std::optional<std::string> before;
    std::optional<std::string> now;
  };

  std::shared_ptr<operator_store> store_;
  std::string sink_;
  epoch_id after_;
  std::uint64_t sequence_ = 0;
  std::map<operator_name, std::unique_ptr<space>> spaces_;
  std::map<std::string, pending, std::less<>> pending_; ///< by whole key
  std::size_t pending_bytes_ = 0;
};

} // namespace leat
