#pragma once

#include <cstdint>
#include <string>

#include "plugins/starrocks/progress.hpp"
#include "plugins/starrocks/transaction.hpp"

namespace leat::starrocks {

/// The labels of one table, or of all (empty), that continue from the record's epoch: attempts 0,
/// 1, ... The record says how many of them may have been begun: a server that has forgotten some
/// hides none.
class label_sequence {
 public:
  label_sequence(load_api&, progress_record&, std::string pipeline, std::string table);

  /// Ends every transaction of an earlier process that may be open: nothing of it can land later.
  /// True when one of them had been committed. When all sequences are through, the record is to be
  /// told (labels_ended()).
  bool end_all();

  /// Begins the next transaction. Ends one that has its label: a begin that was under way as its
  /// process died.
  load_transaction begin();

 private:
  load_name name(std::uint32_t attempt) const;
  load_transaction transaction(std::uint32_t attempt) const;

  load_api& api_;
  progress_record& record_;
  std::string pipeline_;
  std::string table_;
  std::uint64_t base_ = 0; ///< epoch that next_ counts from
  std::uint32_t next_ = 0;
};

} // namespace leat::starrocks
