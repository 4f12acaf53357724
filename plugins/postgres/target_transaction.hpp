#pragma once

#include "dataflow/lost_tables.hpp"
#include "dataflow/missing_rows.hpp"
#include "plugins/postgres/target_dead_letters.hpp"
#include "plugins/postgres/target_progress.hpp"
#include "plugins/postgres/target_session.hpp"

namespace leat::postgres {

/// The target transaction of one epoch, begun with the first thing that is written in it, and
/// fenced.
class target_transaction {
 public:
  target_transaction(target_session& s, target_progress_record& p, target_dead_letters& l)
      : session_(s), progress_(p), letters_(l) {}

  target_session& session() { return session_; }
  target_progress_record& progress() { return progress_; }
  target_dead_letters& letters() const { return letters_; }
  /// Of the epoch, after target_session::finish().
  missing_gatherer& missing() { return missing_; }
  lost_tables& lost() { return lost_; }
  bool is_open() const { return open_; }

  /// Begins it unless it is open. Sent, not waited for: the COMMIT comes after the fence's answer.
  void begin();
  /// Commits it together with the new progress row.
  void commit(const target_progress& next);

 private:
  target_session& session_;
  target_progress_record& progress_;
  target_dead_letters& letters_;
  missing_gatherer missing_;
  lost_tables lost_;
  bool open_ = false;
};

} // namespace leat::postgres
