#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "dataflow/snapshot_merge.hpp"

/// A model of a PostgreSQL source, leat's snapshot of one table, and two targets, to run the real
/// snapshot_merge in random histories. The source behaves as R5 says.
namespace leat::model {

constexpr std::size_t key_count = 6;
constexpr std::uint8_t all_keys = (1U << key_count) - 1;

/// A table: per key the value of its row; 0: there is none.
using table = std::array<std::uint32_t, key_count>;

/// What leat's side obeys. A test switches one off to see that the model notices.
struct rules {
  bool remembers_before_window = true; ///< R5.2
  bool remembers_in_window = true;     ///< R5.1
  bool truncate_touches_all = true;    ///< R5.1
  bool move_touches_old_key = true;
  bool remove_touches = true;
  bool opens_before_snapshot = true; ///< else at its arrival: other snapshots prune too early
  bool overflow_rejects = true;      ///< R5.3
  bool waits_for_fence = true;       ///< R5.5
  bool restores_touched = true;      ///< R5.2
  bool waits_for_high = true;        ///< R2
  bool waits_for_foremost = true;    ///< R3
  bool truncates_checkpoints = true; ///< R3: a restart forgets what is after the one that it took
  bool spends_epochs_once = true;    ///< R3
  bool spares_consistent_targets = true; ///< a target that is consistent takes no more chunk rows
  bool applies_what_chunks_hold = true;  ///< R5.4: else filters by the last chunk's visibility
  bool hears_of_source_crash = true;
  bool sweeps_old_rows = true; ///< R12
};

class random {
 public:
  explicit random(std::uint64_t seed) : state_(seed) {}
  std::uint64_t next();
  std::uint32_t below(std::uint32_t n) {
    return static_cast<std::uint32_t>(((next() >> 32) * n) >> 32);
  }
  bool chance(std::uint32_t one_in) { return below(one_in) == 0; }

 private:
  std::uint64_t state_;
};

/// One row change at the source.
struct row_write {
  change_kind kind = change_kind::insert;
  std::uint8_t old_key = 0; ///< remove, and update that moves
  std::uint8_t new_key = 0; ///< insert, update
  bool moves = false;
  bool sent = true;             ///< false: made before the table was published
  std::uint8_t unpublished = 0; ///< as given to publish(bits)
  std::uint32_t value = 0;
};

void apply(const row_write&, table&);

struct source_transaction {
  std::uint64_t xid = 0;
  std::vector<row_write> writes;
  std::uint8_t locked = 0; ///< keys
  bool truncates = false;
  bool committed = false; ///< its commit record is in the WAL
};

/// Transactions with row locks, whose visibility comes later than their commit record, in any order
/// that the locks allow.
class source {
 public:
  explicit source(random& r);

  void step();                     ///< something happens
  void settle();                   ///< every transaction ends and is visible
  void publish();                  ///< what was written before is not streamed
  void publish(std::uint8_t bits); ///< what was written before is marked with these
  void crash();
  void make_visible(std::size_t running);

  bool locked_for_readers() const;
  xid_snapshot snapshot() const;
  const table& visible() const { return visible_; }
  std::uint64_t next_xid() const { return next_xid_; }
  /// In the order of their commit records.
  const std::vector<source_transaction>& wal() const { return wal_; }
  const std::vector<source_transaction>& running() const { return running_; }

 private:
  void begin();
  void write(source_transaction&);
  void commit(source_transaction&);
  void finish(std::size_t i);
  std::uint8_t locked_by_others(const source_transaction&) const;
  table view(const source_transaction&) const;

  random& random_;
  std::uint64_t next_xid_;
  std::uint64_t latest_completed_;
  std::uint32_t next_value_ = 1;
  std::vector<source_transaction> running_;
  std::vector<source_transaction> wal_;
  table visible_{};
};

/// One history. `run()` gives what went wrong, or nothing.
class history {
 public:
  history(std::uint64_t seed, const rules&);
  std::optional<std::string> run();

  /// To see that histories are not empty.
  struct counts {
    std::uint64_t admitted = 0, rejected = 0, rows_dropped = 0, restarts = 0, ahead = 0,
                  source_crashes = 0;
  };
  const counts& seen() const { return seen_; }

 private:
  struct key_range {
    std::uint8_t lower = 0, upper = 0;
  };
  enum class reader_state : std::uint8_t { idle, asked, answered };
  struct reader {
    reader_state state = reader_state::idle;
    key_range chunk;
    snapshot_merge::window window{};
    xid_snapshot seen;
    std::size_t high = 0;
    table rows{};
  };
  struct target_state {
    table rows{};
    std::uint8_t brought = 0; ///< keys, since the snapshot began
    bool finished = false;    ///< consistent from here on
    std::size_t position = 0;
    std::size_t epoch = 0;
  };
  struct target {
    target_state live, committed;
    std::vector<target_state> prepared;
    std::size_t drop_until = 0;
  };
  struct saved {
    std::size_t epoch = 0;
    std::size_t position = 0;
    std::map<std::uint32_t, touched_keys> touched;
    std::vector<key_range> pending;
    std::size_t high = 0;
    table truth{};
  };

  void start();
  void step();
  void drain();
  void deliver(std::uint32_t changes);
  void pass(const source_transaction&, std::size_t from, std::size_t to);
  void apply_to(target&, const source_transaction&, const row_write&) const;
  void transaction_passed();
  void cut();
  void commit_target(target&);
  void crash();
  void read();
  void ask(reader&);
  void answer(reader&);
  void arrive(reader&);
  void emit(const reader&, const chunk_filter&);
  std::optional<chunk_filter> admit(reader&);
  void give_back(reader&);
  void reconnect();
  void read_fence();
  void probe();
  bool between_transactions() const { return write_ == 0; }
  bool all_chunks_passed() const;
  void check();

  rules rules_;
  random random_;
  source source_;
  std::uint32_t delivery_; ///< weights, differing by history
  std::uint32_t visibility_;
  std::uint32_t reading_;
  std::uint32_t calm_;     ///< the higher, the fewer crashes
  std::uint32_t slowness_; ///< of one target; of the other one after a restart
  std::size_t limit_;
  snapshot_merge merge_;
  std::array<reader, 2> readers_;
  reader probe_;
  std::vector<key_range> pending_;
  std::array<target, 2> targets_;
  std::vector<saved> checkpoints_;
  std::size_t next_epoch_ = 0;
  std::uint64_t fence_ = 0;
  std::size_t passed_ = 0; ///< transactions of the WAL that the stream has delivered
  std::size_t write_ = 0;  ///< writes of the next one
  std::size_t high_ = 0;
  std::size_t foremost_ = 0;
  table truth_{}; ///< the source at `passed_`
  std::optional<xid_snapshot> filter_;
  bool stream_lost_ = false;
  counts seen_;
  std::optional<std::string> failure_;
};

} // namespace leat::model
