#pragma once

#include <optional>
#include <string>
#include <vector>

#include "dataflow/sink.hpp"
#include "plugins/postgres/target_statements.hpp"
#include "plugins/postgres/target_table.hpp"
#include "plugins/postgres/target_transaction.hpp"

namespace leat::postgres {

/// What the writers of all modes share: the table, made or checked, and its statements' shape.
class target_writer : public writer {
 public:
  /// Makes the table when missing, checks it otherwise. One that this pipeline has written to may
  /// be a later version than the route, after a crash: it is judged when something is written. So
  /// is the loss of such a table, which a snapshot alone makes anew.
  target_writer(target_transaction&, route_ptr, const std::string& default_schema);

  void change_schema(const route_ptr& after) override;

  /// The target is a cut of the source (target_progress::consistent).
  virtual void became_consistent() {}

 protected:
  /// The statements of the old shape are of no use any more. In the open transaction, unless
  /// lost().
  virtual void reshaped() = 0;

  /// Opens the epoch's transaction for a write. Throws when the table does not fit the route.
  target_session& begin();
  target_session& session() { return transaction_.session(); }
  target_dead_letters& letters() const { return transaction_.letters(); }
  missing_gatherer& missing() { return transaction_.missing(); }

  /// Notes that a snapshot begins: not when it runs or has ended here already, and a restart
  /// replays it. Nothing is written before begin(), so that one that waits at the source holds no
  /// transaction open.
  void note_begun(std::uint32_t generation);
  /// Writes that a snapshot begins, in the open transaction. `interrupted`: the one before did not
  /// end.
  virtual void write_begun(std::uint32_t /*generation*/, bool /*interrupted*/) {}
  /// Writes that it has ended; false when that is replayed.
  bool note_finished(std::uint32_t generation);
  bool lost() const { return lost_; }        ///< the table was dropped, and its rows with it
  bool begins() const { return begun_due_; } ///< write_begun() is to come
  std::uint32_t running_snapshot() const { return record_.snapshot; } ///< 0: none

  const table_shape& shape() const { return shape_; }
  const route& target_route() const { return *route_; }
  const route_ptr& shared_route() const { return route_; }
  const table_place& place() const { return place_; }

 private:
  void take_table();
  void make_table();
  void make_table_whole();
  void foresee_shape();
  /// Makes it again in the open transaction; throws unless rows of all its sources come.
  void make_lost();
  void refuse_foreign_rows();
  void read_shape();
  void note_columns();

  target_transaction& transaction_;
  route_ptr route_;
  table_place place_;
  table_shape shape_;
  table_record record_;
  bool begun_due_ = false;
  bool interrupted_ = false; ///< the snapshot before the one that is due
  bool unnoted_ = true;      ///< the record may tell other columns
  bool lost_ = false;
  std::optional<leat::error> misfit_;
};

/// The writer for a route's mode and key.
std::unique_ptr<target_writer> make_target_writer(target_transaction&, const route_ptr&,
                                                  const std::string& default_schema);

} // namespace leat::postgres
