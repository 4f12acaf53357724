#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "dataflow/spill.hpp"
#include "plugins/starrocks/remembered_keys.hpp"

namespace leat::starrocks {

/// The file of the spill area that all tables of a sink lay their runs in, so that their number
/// costs no memory and no descriptors. Its space comes back when none has any left.
class run_file {
 public:
  explicit run_file(std::shared_ptr<spill_area> area = {}) : area_(std::move(area)) {}

  std::shared_ptr<spill_file> open();
  /// One of its own.
  std::shared_ptr<spill_file> make() const;

 private:
  std::shared_ptr<spill_area> area_;
  std::weak_ptr<spill_file> file_;
};

/// Operations on the keys of one table (key_operation.hpp), in the order of the stream, that wait
/// for the end of their epoch: each key is given once then, with all that has happened to it.
///
/// They lie in the spill area, in runs that are sorted by the hash of the key, one for each add(),
/// and are merged when they are taken. In memory: the keys' hashes, within the budget; 16 bytes a
/// key while a run is added; 4 MiB and two of the largest operations while runs are merged. On
/// disk: what was added, and once more as much while runs are merged into one, because they have
/// become too many. One thread. An error of the spill area leaves an object that can only be thrown
/// away.
class spilled_keys {
 public:
  /// `lost` is told of each key (append_key) whose row has to be read from the source: it was
  /// updated in part, and had been removed. `most_runs`: at least 2.
  spilled_keys(run_file&, key_budget&, std::function<void(std::string_view)> lost,
               std::size_t most_runs = 1024);

  using key_of = std::function<std::string_view(std::size_t i)>;
  using packer = std::function<void(std::size_t i, std::string& record)>;
  /// Adds operations on distinct keys, 0 to count - 1, that are later than all there are. `pack`
  /// appends to an empty record, once for each.
  void add(std::size_t count, const key_of&, const packer& pack);

  bool empty() const { return runs_.empty(); }
  /// Exact up to the budget; true beyond.
  bool may_hold(key_hash h) const { return keys_.may_hold(h); }

  /// All rows that there are by now are marked as deleted: a TRUNCATE of a route with delete =
  /// "soft".
  void mark_all() { ++truncates_; }
  void clear();

  /// Gives each key once with its operation, in no order that means something, and forgets them
  /// all.
  using taker = std::function<void(std::string_view key, std::string_view operation)>;
  void take(const taker&);

 private:
  class cursor;
  struct run {
    std::uint64_t begin = 0;
    std::uint64_t end = 0;
    std::size_t truncates = 0; ///< ahead of it
  };

  void merge(const taker&);
  void make_one();

  run_file& files_;
  std::function<void(std::string_view)> lost_;
  std::size_t most_runs_;
  std::shared_ptr<spill_file> file_; ///< while there are runs
  std::vector<run> runs_;
  std::size_t truncates_ = 0; ///< mark_all()
  remembered_keys keys_;
};

} // namespace leat::starrocks
