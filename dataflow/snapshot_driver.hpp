#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "dataflow/snapshot_table.hpp"

namespace leat {

/// What a chunk reader is to do next.
struct probe_request {};
struct describe_request {
  request_ticket ticket{};
  oid table = 0;
};
struct plan_request {
  request_ticket ticket{};
  schema_ptr table;
};
struct read_request {
  request_ticket ticket{};
  schema_ptr table;
  chunk_bounds bounds;
  std::uint64_t storage = 0;
  std::string condition = {}; ///< as in table_reader::read()
};
struct keys_request {
  request_ticket ticket{};
  schema_ptr table;
  std::vector<std::vector<std::string>> keys; ///< texts of table->key
};
using snapshot_request =
    std::variant<probe_request, describe_request, plan_request, read_request, keys_request>;

/// Takes every table of a pipeline through its snapshot (R5): asks for probes, bounds and chunks,
/// hands chunks to readers once a checkpoint holds their bounds, and says when the stream has
/// passed the last H. No threads, no actors; all calls in stream order.
class snapshot_driver {
 public:
  struct options {
    std::shared_ptr<spill_area> spill = nullptr; ///< for tables without a key
    std::size_t ahead = 2;             ///< chunks of one table that are read, or were and wait
    std::size_t key_bytes = 32U << 20; ///< bound of the keys that all merges remember together
    std::size_t missing_bytes = missing_gatherer::most_by_default; ///< bound of all missing keys
  };
  explicit snapshot_driver(options);

  /// A new generation for a table: every row is read again.
  void begin(const schema_ptr& table, std::uint32_t generation, std::vector<std::string> sinks);
  /// Goes on where a checkpoint stands.
  void restore(const schema_ptr& table, table_snapshot state);
  /// A target has this table's chunks up to this one (R11).
  void note_held(oid table, std::uint64_t chunk);
  /// How the catalog has the table now: what has become of its rows that the stream does not tell.
  unstreamed_change follow_stamp(oid table, const table_stamp&);
  /// The table's columns as the stream has them from here on.
  void change_schema(const schema_ptr& table);
  /// Rows a sink misses (R6); read after the last chunk.
  void add_missing(oid table, const std::string& sink, missing_rows rows);
  /// Tables that have to be read again for sinks which miss too many of their rows to look them up
  /// one by one; each is given once. At a barrier.
  std::map<oid, std::vector<std::string>> take_wholly_missing();

  /// Changes of one table, in stream order, before they are sent on.
  void pass(oid table, const batch& rows, std::span<const std::uint32_t> changes);
  bool tracks(oid table) const;
  /// Changes of a table without a key wait for its rows; they come back in parts behind them.
  bool holds_changes(oid table) const;
  void hold_back(oid table, const batch& rows, std::span<const std::uint32_t> changes);
  /// The rows of a table without a key hold this transaction's changes already.
  bool holds_transaction(oid table, const transaction&) const;
  /// The stream's connection was lost and made again.
  void source_restarted();

  /// For an idle reader; it may ask again when anything below has happened.
  std::optional<snapshot_request> next();
  void want_probe() { probe_due_ = true; }
  /// No chunks while held: targets that are ahead are being caught up with (R3).
  void hold(bool on) { held_ = on; }

  void probed(const visibility_probe&);
  // Answers to requests that were given up do nothing: the table begins again, or its columns
  // changed.
  void described(const describe_request&, const table_description&);
  /// Tables that go on in other columns from this barrier on, since the stream has passed them.
  std::vector<schema_ptr> take_descriptions();
  void planned(const plan_request&, const chunk_plan&);
  std::vector<chunk_emission> chunk_read(const read_request&, chunk_result result);
  std::vector<chunk_emission> keys_read(const keys_request&, chunk_result result);
  /// A request failed with its connection; it is handed out again.
  void failed(const snapshot_request&);

  /// Rows of tables without a key are ready to be sent, and changes that waited for them.
  bool has_part() const;
  /// About `bytes` of them, of each such table in its turn. May be empty.
  std::vector<chunk_emission> next_part(std::size_t bytes);

  std::map<oid, table_snapshot> state() const;
  /// Keys that are still missing, by sink and table.
  missing_keys missing() const;

  /// Barrier `epoch` passes and the stream has passed `end`: gives the tables whose rows that were
  /// read are the stream's from here on.
  std::vector<oid> passed(epoch_id epoch, wal_lsn end);
  /// No restart goes back before checkpoint `epoch`: chunks whose bounds it holds may be read, and
  /// will keep their numbers (R11).
  void completed(epoch_id epoch) { completed_ = epoch; }

  /// What this sink has of every table is what the stream has brought, whole.
  bool consistent(const std::string& sink) const;
  bool active() const;
  /// Bounds came that wait for a checkpoint: an early barrier shortens the wait. Cleared by the
  /// call.
  bool take_hurry();
  /// Tables whose snapshot has to begin again since they were rewritten; a barrier makes them such.
  std::vector<oid> rewritten() const;
  const snapshot_table* find(oid table) const;

 private:
  void install(std::unique_ptr<snapshot_table>);
  snapshot_table* tracked(oid table);
  void note_remembered(std::size_t more);
  void bound_missing();
  std::optional<snapshot_request> next_of(snapshot_table&);

  options options_;
  std::map<oid, std::unique_ptr<snapshot_table>> tables_;
  std::map<oid, snapshot_merge::window> probe_windows_; ///< of the probe in flight
  std::size_t remembered_ = 0;                          ///< bytes of keys; at least what there is
  oid last_served_ = 0;
  oid last_part_of_ = 0;
  std::uint64_t last_ticket_ = 0;
  epoch_id epoch_ = 0; ///< last barrier that passed
  epoch_id completed_ = 0;
  bool probe_due_ = true;
  bool probe_in_flight_ = false;
  bool held_ = false;
  bool hurry_ = false;
};

} // namespace leat
