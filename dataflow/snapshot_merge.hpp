#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "dataflow/batch.hpp"
#include "dataflow/checkpoint.hpp"
#include "dataflow/visibility.hpp"

namespace leat {

/// The rows of one chunk that go on. Good until the next call of its merge: all rows of the chunk
/// go into the stream before anything else of the table does.
class chunk_filter {
 public:
  /// Indexes into rows->changes of the rows that no passed change has made old.
  std::vector<std::uint32_t> select(const batch& rows, std::span<const std::uint16_t> key) const;

 private:
  friend class snapshot_merge;
  bool all_touched_ = false;
  std::vector<const key_set*> large_; ///< in the merge
  key_set touched_;
};

/// Decides which rows of a table's chunks go into its stream, and which the stream has overtaken
/// (R5.1 to R5.4). Remembers the keys that each passed transaction touched (updated, moved or
/// removed: a new row's key alone does not count), until a snapshot shows it visible and no chunk
/// that was read before that snapshot can come any more. A chunk row whose key was touched by a
/// transaction that the chunk's snapshot does not see is dropped. Changes of the stream are never
/// dropped.
///
/// Has to exist, and be told of every change, from before the fence's next_xid is read (R5.5) until
/// the last chunk came. The publication has to send updates, deletes and truncates. For tables with
/// a key; one thread.
class snapshot_merge {
 public:
  /// Names a snapshot that was asked for and has not come.
  enum class window : std::uint64_t {};

  /// At most `max_key_bytes` are kept, not counting a chunk_filter, which may take as much again.
  explicit snapshot_merge(std::size_t max_key_bytes) : max_bytes_(max_key_bytes) {}

  /// Goes on from a checkpoint.
  void restore(std::map<std::uint32_t, touched_keys>);
  /// For the checkpoint: what later snapshots might not see yet, by xid.
  std::map<std::uint32_t, touched_keys> touched() const;

  /// Changes of this table pass, in stream order. `key` are columns of the table that a replica
  /// identity covers.
  void pass(const batch&, std::span<const std::uint32_t> changes,
            std::span<const std::uint16_t> key);

  /// Before a snapshot is asked for, of a chunk or a probe; every window ends in one of the three
  /// calls below.
  window open();
  /// The chunk came. Nothing: too much has passed for this snapshot to be placed, or the source was
  /// restarted; the chunk has to be read again.
  std::optional<chunk_filter> admit(window, const xid_snapshot& seen);
  /// The probe came.
  void learn(window, const xid_snapshot& seen);
  /// Nothing came.
  void abandon(window);

  /// A connection to the source was lost, so it may have crashed, and then gives xids of
  /// transactions that left no trace once more. Called before changes of the next connection pass:
  /// older snapshots mean nothing for those.
  void source_restarted();

  /// A transaction that passed, with all older ones or alone.
  struct passed_transaction {
    std::uint32_t xid = 0;
    bool and_older = false;
    bool visible_in(const xid_snapshot&) const;
  };
  /// Those that touched rows and that `seen` does not see.
  std::vector<passed_transaction> unseen(const xid_snapshot& seen) const;

  /// Of the remembered keys.
  std::size_t bytes() const noexcept { return bytes_; }
  /// Keeps at most so many, but for one transaction that stands for all: chunks that do not see
  /// what was forgotten have to be read again.
  void shrink_to(std::size_t bytes);

 private:
  touched_keys* entry_of(std::uint32_t xid);
  void touch(touched_keys&, const batch&, const change&, std::span<const std::uint16_t> key);
  void collapse();
  const std::optional<xid_snapshot>& settled() const;
  void close(window, const xid_snapshot& seen);
  void forget_settled();
  chunk_filter filter_for(const xid_snapshot&) const;

  std::size_t max_bytes_;
  std::size_t bytes_ = 0;
  std::map<std::uint32_t, touched_keys> touched_;
  std::optional<std::uint32_t> horizon_;                  ///< the entry with and_older
  std::optional<xid_snapshot> newest_;                    ///< that came
  std::map<window, std::optional<xid_snapshot>> windows_; ///< open -> newest_ at its opening
  std::uint64_t last_window_ = 0;
  bool forgetting_due_ = false;
  std::string scratch_;
};

} // namespace leat
