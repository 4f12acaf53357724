#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "dataflow/checkpoint.hpp"
#include "dataflow/snapshot_merge.hpp"
#include "dataflow/source.hpp"

namespace leat {

/// Rows that have to be emitted now, in this order.
struct chunk_emission {
  oid table = 0;
  std::uint32_t generation = 0;
  std::uint64_t chunk = 0;            ///< number; 0: rows that a sink missed (R6)
  std::vector<std::string> sinks;     ///< as in table_snapshot
  batch_ptr rows;                     ///< null when the chunk is empty
  std::vector<std::uint32_t> changes; ///< indexes into rows->changes
  bool first = false;                 ///< rows of a table without a key begin: older ones go away
  bool last = false;                  ///< the last of its chunk
  bool held = false;                  ///< changes of the stream that waited for the chunk (R5.7)
};

/// Tells requests apart, so that the answer to one that was given up is not taken for another's.
enum class request_ticket : std::uint64_t { none };

/// Whether a route takes part in a snapshot for `sinks`, as in table_snapshot.
bool takes_part(std::string_view sink, std::string_view target,
                const std::vector<std::string>& sinks);
/// Whether the generation is for this target. A sink that is named without a target has rows looked
/// up (R6) in it, and targets that know nothing of the generation.
bool is_read_for(std::string_view sink, std::string_view target,
                 const std::vector<std::string>& sinks);

/// The snapshot of one source table, from its fence to the passing of its last H (R5). Used by
/// snapshot_driver, which owns the requests; all calls in stream order.
class snapshot_table {
 public:
  /// A new generation. Tables without a key need `spill`.
  snapshot_table(schema_ptr schema, std::uint32_t generation, std::vector<std::string> sinks,
                 std::size_t key_bytes, std::shared_ptr<spill_area> spill = nullptr);
  /// Goes on from a checkpoint.
  snapshot_table(schema_ptr schema, table_snapshot state, std::size_t key_bytes,
                 std::shared_ptr<spill_area> spill = nullptr);

  table_snapshot checkpoint_state() const;
  const table_snapshot& state() const { return state_; }
  const schema_ptr& schema() const { return schema_; }
  snapshot_merge& merge() { return merge_; }
  const snapshot_merge& merge() const { return merge_; }

  unstreamed_change follow_stamp(const table_stamp& now) { return follow(state_.stamp, now); }

  void pass(const batch& rows, std::span<const std::uint32_t> changes);
  /// Requests for rows and bounds in other columns are given up.
  void change_schema(const schema_ptr& schema);
  bool tracking() const { return state_.phase != snapshot_phase::finished; }

  /// A table without a key has one S for all its rows (R5.7): its changes wait on disk until all
  /// rows were sent, and go out behind them. When the table is gone before they have come, nothing
  /// tells which of its changes a target's older rows hold: none goes out. Throws as
  /// spill_file::append does.
  bool holds_changes() const {
    if (!schema_->key.empty() || !tracking()) return false;
    return state_.phase != snapshot_phase::passing || gone_;
  }
  void hold(const batch& rows, std::span<const std::uint32_t> changes);
  /// The rows have come, and are sent in parts, changes behind them; all in one generation, which a
  /// crash between two parts ends.
  bool has_part() const { return handover_.has_value(); }
  /// The next one: a batch of about `bytes`, or a signal. Precondition: has_part().
  std::vector<chunk_emission> next_part(std::size_t bytes);
  /// The rows that came hold this transaction's changes already; only for tables without a key.
  bool holds_transaction(const transaction& t) const {
    return state_.seen && tracking() && in_rows(*state_.seen, t);
  }

  /// The stream's connection was lost and made again: the source may have crashed.
  void source_restarted();

  /// The fence (R5.5): the first probe gives it, a later one passes it.
  void probed(const visibility_probe&);

  bool wants_plan() const { return state_.phase == snapshot_phase::planning && !asked(); }
  /// A plan or a description is under way.
  void ask(request_ticket ticket) { asked_ = ticket; }
  void ask_failed(request_ticket);
  /// Bounds are part of the state of barrier `epoch`, and are read once no restart goes back before
  /// it.
  void planned(request_ticket, const chunk_plan&, epoch_id epoch);

  /// A target has the chunks up to this one already: they must keep their numbers, so that the
  /// table begins again when one does not fit any more.
  void note_held(std::uint64_t chunk) { held_chunk_ = chunk; }
  /// The next chunk to read: at most `ahead` beyond the one that is due.
  std::optional<chunk_bounds> next_chunk(request_ticket, epoch_id completed, std::size_t ahead);
  /// Gives what can be emitted: chunks go out in the order of their numbers.
  std::vector<chunk_emission> chunk_read(request_ticket, chunk_result, epoch_id epoch);
  void chunk_failed(request_ticket);

  /// What the generation before owes its sinks: not all need take part in this one.
  void take_over(const snapshot_table& before);

  /// Rows that one sink misses (R6): keys are read from the source after the last chunk.
  void add_missing(const std::string& sink, missing_rows rows);
  /// The keys that the sink misses take too much memory.
  void give_up_missing(const std::string& sink);
  /// Sinks that miss the whole table, once nothing of it is under way that may bring their rows: a
  /// new generation is for them. Each is given once.
  std::vector<std::string> take_wholly_missing();
  struct key_lookup {
    std::string sink;
    std::vector<std::vector<std::string>> keys;
  };
  std::optional<key_lookup> next_keys(request_ticket);
  std::vector<chunk_emission> keys_read(request_ticket, chunk_result);
  void keys_failed(request_ticket);
  const std::map<std::string, missing_queue>& missing() const { return missing_; }
  bool misses(const std::string& sink) const { return missing_.contains(sink); }

  /// The stream has passed `end`. True when rows that were read have become those of the stream:
  /// all chunks', or those that were looked up since.
  bool passed(wal_lsn end);
  /// What this sink has of the table is what the stream has brought, whole.
  bool consistent(const std::string& sink) const;
  /// Waits until the stream has passed `high`; then the table is described anew, and goes on in
  /// those columns once the stream has passed them, too (R5.6).
  void await_columns(wal_lsn high);
  bool wants_description() const { return columns_due_ && !described_ && !asked(); }
  void described(request_ticket, const table_description&);
  /// Null, or what the stream has passed without showing other columns.
  schema_ptr take_description();

  /// Dropped at the source: the snapshot ends without the rows that were not read.
  bool gone() const { return gone_; }
  /// The stream has passed a rewrite that a chunk met, so that no value of before it follows.
  bool rewritten() const { return rewritten_; }

 private:
  struct reading {
    request_ticket ticket{};
    snapshot_merge::window window{};
    std::optional<chunk_result> result;
  };
  std::vector<chunk_emission> emit_ready();
  bool emit(std::vector<chunk_emission>&, snapshot_merge::window, const chunk_rows&,
            std::uint64_t number, const std::vector<std::string>& sinks);
  void hand_over(std::uint64_t number, chunk_rows rows);
  bool in_rows(const xid_snapshot& seen, const transaction&) const;
  void emit_rows(std::vector<chunk_emission>&, std::size_t bytes);
  void emit_held(std::vector<chunk_emission>&, std::size_t bytes);
  void end_handover();
  void split(std::uint64_t number, const std::vector<std::vector<std::string>>& at, epoch_id epoch);
  bool has_lookups() const;
  void await_dropped(const chunk_emission&, missing_queue&);
  void await_absent(const key_lookup&, const chunk_rows&, missing_queue&);
  void lose_table();
  void settle();
  void finish();
  void begin_again();
  bool asked() const { return asked_ != request_ticket::none; }
  /// The rows of a table without a key, on their way.
  struct handover {
    std::uint64_t number = 0;
    xid_snapshot seen;
    std::shared_ptr<batch_spool> rows;
    bool begun = false;
    bool rows_sent = false;
  };
  using flights = std::map<std::uint64_t, reading>;
  flights::iterator flight_of(request_ticket);
  void give_up_keys();

  schema_ptr schema_;
  table_snapshot state_;
  snapshot_merge merge_;
  flights in_flight_;     ///< by chunk number
  wal_lsn chunks_high_{}; ///< largest H of an emitted chunk
  bool probed_ = false;   ///< chunks_high_ is beyond all that was read before this run, too
  bool settled_ = false;  ///< the stream has passed it, and there are no more
  std::map<std::string, wal_lsn> looked_up_; ///< sink -> largest H of its looked-up rows, unpassed
  std::map<std::string, missing_queue> missing_; ///< by sink
  /// Sink and key that a lookup did not find -> transactions that may bring the row still.
  std::map<std::pair<std::string, std::vector<std::string>>,
           std::vector<snapshot_merge::passed_transaction>>
      absent_;
  std::optional<key_lookup> keys_in_flight_;
  request_ticket keys_ticket_{};
  std::shared_ptr<spill_area> spill_;
  std::unique_ptr<batch_spool> waiting_; ///< changes, for rows
  std::optional<handover> handover_;
  snapshot_merge::window keys_window_{};
  std::size_t keys_per_lookup_ = 500;
  bool waits_for_probe_ = false; ///< the same would be read again before it
  epoch_id planned_in_ = 0;
  bool planned_ = false; ///< chunk bounds are known, or were and are all emitted
  request_ticket asked_{};
  bool columns_due_ = false; ///< the stream has passed columns_high_
  bool gone_ = false;
  bool rewritten_ = false;
  std::uint64_t held_chunk_ = 0;        ///< as note_held()
  std::optional<wal_lsn> rewrite_high_; ///< H of the chunk that met a rewrite
  wal_lsn columns_high_{};
  bool columns_ahead_ = false;
  schema_ptr described_; ///< lies before columns_high_
};

} // namespace leat
