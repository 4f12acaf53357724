#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "dataflow/batch.hpp"
#include "dataflow/route.hpp"

namespace leat {

/// What has to happen to one key of the target at a flush.
enum class fold_kind : std::uint8_t {
  removed, ///< the key goes away
  upsert,  ///< a whole row: every column of the route came
  partial, ///< update the columns that came where the row is; never insert. No row: missing (R6)
  moved,   ///< a whole row once its unchanged cells are filled from the target's row at `base`, as
           ///< that stands before this flush. No row there: as `lost`
  lost,    ///< the key goes away and is reported as missing: its unchanged cells are known nowhere
};

/// The texts of a key's encoding (append_key), in key order; views into it.
void split_key(std::string_view encoded, std::vector<std::string_view>& texts);

/// One key's entry; valid until fold::clear().
struct fold_entry {
  static constexpr std::uint32_t none = 0xffffffff;

  fold_kind kind = fold_kind::removed;
  bool deleted = false;       ///< delete_mode::soft only: write the row, and mark it deleted
  bool from_chunk = false;    ///< some cells are a chunk's, which may be later than the stream
  std::uint32_t key = 0;      ///< number of the key
  std::uint32_t base = none;  ///< moved: number of the key at the target
  std::uint32_t batch = none; ///< where the row is; `none`: in the fold's own mixed cells
  std::uint32_t first = none; ///< its first cell
};

/// Folds the changes of a route that has a key: the latest state per key, so that each key is
/// written once per flush (R6). Copies no values: entries point into batches, which stay alive
/// until clear().
///
/// A flush applies, in this order: `truncated()`; reading the bases of all `moved` entries (before
/// the truncate, strictly, but after one no entry has a base there); all `removed` and `lost` keys;
/// all other entries. The entries are of distinct keys, so that within a group any order is right.
///
/// delete_mode::ignore drops deletes and truncates here; a key that an update moved away goes all
/// the same. With delete_mode::soft a removed key whose row is known keeps it, with `deleted` set,
/// so that what the target holds does not depend on where flushes fall.
class fold {
 public:
  explicit fold(route_ptr);

  /// Takes changes of this route in stream order. Throws leat::error for a key that is NULL or did
  /// not come, and for a batch of another version of the table.
  void add(const batch_ptr& rows, std::span<const std::uint32_t> changes);

  /// Whether the target's rows are those of the stream's position (R6), but for those that are read
  /// from now on (change_kind::read). A key move that leaves unchanged cells gives `lost` instead
  /// of `moved` where they are not. Set it when empty.
  void set_settled(bool settled);
  bool settled() const { return settled_; }

  bool empty() const { return entries_.empty() && !truncated_; }
  bool truncated() const { return truncated_; }
  std::span<const fold_entry> entries() const { return entries_; }

  /// The cell of source column `column` (index into schema->columns) and its text. State unchanged:
  /// it did not come. Not for entries without a row (removed and lost may have none).
  cell_state state(const fold_entry& e, std::size_t column) const;
  std::string_view text(const fold_entry& e, std::size_t column) const;

  /// Where the row of an entry comes from; nothing when its cells are of several changes, or it has
  /// none. Goes through a batch: for rows that fail.
  std::optional<position> position_of(const fold_entry&) const;

  /// The key's texts in the order of route->key. `number`: an entry's `key` or `base`.
  std::vector<std::string_view> key(std::uint32_t number) const;
  std::vector<std::string> key_texts(std::uint32_t number) const; ///< the same, as values
  /// The i-th text of it.
  std::string_view key_text(std::uint32_t number, std::size_t i) const;
  /// Its encoding (append_key).
  std::string_view key_bytes(std::uint32_t number) const;

  /// Bytes kept alive: the batches, whole, and the fold's own.
  std::size_t retained() const;

  /// Whether seven of eight changes since clear() were inserts or rows of a chunk: hardly any comes
  /// again, so that waiting for more folds nothing.
  bool mostly_new() const { return fresh_ > 0 && fresh_ * 8 >= taken_ * 7; }

  /// Forgets everything. Keeps a little memory for the next round.
  void clear();

  /// Hands what was taken so far to `other`, a fold of the same route that is empty, and goes on
  /// without it. `other` is for reading entries, not for adding to.
  void hand_over(fold& other);

 private:
  struct located {
    std::uint32_t batch = 0;
    cell value;
  };
  struct key_place {
    std::uint64_t hash = 0;
    std::size_t offset = 0;
    std::uint32_t size = 0;
    std::uint32_t entry = fold_entry::none;
  };
  struct incoming;

  located at(const fold_entry& e, std::size_t column) const;
  void take(const change&, std::uint32_t batch_number);
  void take_row(const incoming&);
  void take_same_key(const incoming&, fold_entry&);
  void take_move(const incoming&, std::uint32_t old_key);
  void take_remove(const change&, std::uint32_t batch_number);
  void take_truncate();
  void let_go(std::uint32_t key_number);
  void set_row(fold_entry&, const incoming&, const fold_entry* earlier);
  bool complete(const incoming&) const;
  bool complete(const fold_entry&) const;
  fold_entry& entry_of(std::uint32_t key_number);
  std::uint32_t intern_key(const batch&, std::span<const cell> row, std::span<const cell> other);
  std::uint32_t find_or_add(std::string_view encoded);
  void grow();

  route_ptr route_;
  bool settled_ = true;
  std::unordered_set<std::uint64_t> read_; ///< hashes of keys that were read since
  std::size_t taken_ = 0;                  ///< changes since clear()
  std::size_t fresh_ = 0;                  ///< of them inserts and reads
  bool truncated_ = false;
  std::vector<batch_ptr> batches_;
  std::size_t batch_bytes_ = 0;
  std::vector<fold_entry> entries_;
  std::vector<located> mixed_; ///< rows whose cells come from several changes
  std::vector<key_place> keys_;
  std::vector<std::uint32_t> table_; ///< open addressing over keys_, a power of two
  std::string key_bytes_;
  std::string scratch_;
};

} // namespace leat
