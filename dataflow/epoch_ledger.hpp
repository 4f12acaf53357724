#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "dataflow/frame.hpp"

namespace leat {

/// Which epochs are open, and what each waits for (R3): a sink may commit an epoch when its
/// checkpoint is durable and the sink has prepared it; an epoch is complete when its checkpoint is
/// durable, every sink that has something to commit has committed, and all epochs before it are
/// complete. No I/O, no threads.
class epoch_ledger {
 public:
  explicit epoch_ledger(epoch_id last) : last_(last) {}

  /// Gives the number of a new epoch.
  epoch_id open();
  epoch_id last() const { return last_; }
  std::size_t open_count() const { return epochs_.size(); }

  /// The checkpoint of `epoch` is synced; `committing` are the sinks that commit something in it.
  /// Gives those that have prepared already, and so may commit now.
  std::vector<std::string> durable(epoch_id epoch, wal_lsn passed,
                                   const std::set<std::string>& committing);
  /// The sink has prepared; true when it may commit now.
  bool prepared(epoch_id epoch, const std::string& sink);
  void committed(epoch_id epoch, const std::string& sink);

  struct completed {
    epoch_id epoch = 0;
    wal_lsn passed{};
  };
  /// The newest epoch that became complete since the last call; closes it and those before.
  std::optional<completed> take_completed();

 private:
  struct open_epoch {
    bool durable = false;
    wal_lsn passed{};
    std::set<std::string> prepared; ///< before the checkpoint was durable
    std::set<std::string> uncommitted;
  };
  open_epoch& find(epoch_id);

  epoch_id last_;
  std::map<epoch_id, open_epoch> epochs_;
};

} // namespace leat
