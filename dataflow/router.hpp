#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "dataflow/frame.hpp"
#include "dataflow/sink.hpp"
#include "dataflow/snapshot_driver.hpp"

namespace leat {

/// Where a sink stands when the pipeline starts. `at.consistent`: no snapshot waits for it either.
struct sink_start {
  std::string name;
  target_progress at;
};

/// Splits the stream and the chunks by route and sink: one source batch becomes at most one batch
/// per sink. Keeps the tables' versions (R7) and the snapshots (R5); drops what a sink already
/// holds (R1). No threads, no actors; calls in stream order.
class router {
 public:
  /// What goes to one sink, in order.
  struct output {
    std::size_t sink = 0; ///< index into the sinks given
    payload content;
  };

  router(std::vector<route_ptr> routes, std::vector<sink_start> sinks, commit_lsn position,
         snapshot_driver&);

  /// Announces the snapshots that are under way; before anything else.
  std::vector<output> start();
  std::vector<output> take(const batch_ptr&);
  std::vector<output> take(const std::vector<chunk_emission>&);
  /// Closes an epoch: gives each sink its barrier, behind what the barrier finishes.
  std::vector<output> take(const barrier&);
  /// A table's columns as the catalog has them, at this place in the stream (R5.6).
  std::vector<output> change_schema(const schema_ptr& now);
  /// The sink has reported missing rows (R6): it is no cut of the source until they have come.
  void missing_reported(const std::string& sink);
  /// The table's snapshot begins (again), for these (as in table_snapshot) and for those that one
  /// under way is for.
  std::vector<output> begin_snapshot(oid table, std::vector<std::string> sinks);
  /// The table is read again for the routes of these sinks that keep its rows, not its changes.
  std::vector<output> read_again(oid table, const std::vector<std::string>& sinks);
  /// The snapshot under way begins again, where it was not finished.
  std::vector<output> begin_again(oid table);
  /// What has become of tables, for people; cleared by the call.
  struct news {
    oid table = 0;
    std::string text;
  };
  std::vector<news> take_news() { return std::exchange(news_, {}); }

  const std::map<oid, schema_ptr>& schemas() const { return schemas_; }
  const std::vector<route_ptr>& routes() const { return routes_; }
  /// Sinks that commit something in the epoch that the last barrier closed.
  const std::vector<bool>& committing() const { return committing_; }
  /// Sinks that the last barrier called consistent.
  std::vector<bool> promised() const;
  /// SQL that holds for the rows that a route of the table takes; empty: any row may be wanted.
  std::string snapshot_condition(oid table) const;
  std::uint64_t changes_routed() const { return changes_routed_; }

 private:
  struct sink_state {
    std::string name;
    target_progress at; ///< at the start of the run
    std::uint64_t missing_reports = 0;
    bool wrote = false;      ///< in the open epoch
    bool consistent = false; ///< what readers are promised (R2)
    bool promised = false;   ///< what the last barrier said of it
  };

  using held_changes = std::map<oid, std::vector<std::uint32_t>>;
  bool waits_for_rows(const route&) const;
  bool set_aside(const batch_ptr&, std::uint32_t index, const route&, held_changes&) const;
  void adopt_schemas(const batch&, std::vector<output>&);
  void adopt_schema(const schema_ptr&, std::vector<output>&);
  route_ptr evolve(const route_ptr& before, const schema_ptr&) const;
  void track(const batch&);
  bool already_held(const batch&, const change&, const sink_state&) const;
  bool takes_part(const route&, const std::vector<std::string>& sinks) const;
  std::uint32_t last_generation(oid table) const;
  std::vector<output> restart_snapshot(oid table, std::vector<std::string> sinks);
  void read_anew(const table_schema& before, const schema_ptr& now, unstreamed_change,
                 std::vector<output>&);
  bool chunk_held(const route&, const sink_state&, const chunk_emission&) const;

  std::vector<route_ptr> routes_;
  std::vector<sink_state> sinks_;
  std::vector<std::size_t> sink_of_route_;
  std::map<oid, std::vector<route_id>> routes_of_table_;
  std::map<oid, schema_ptr> schemas_;
  commit_lsn position_{};
  commit_lsn foremost_{};
  snapshot_driver& snapshots_;
  std::vector<bool> committing_;
  std::uint64_t changes_routed_ = 0;
  std::vector<news> news_;
};

} // namespace leat
