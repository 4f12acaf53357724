#pragma once

#include <string>

#include "dataflow/route.hpp"
#include "plugins/sqlite/database.hpp"

namespace leat::sqlite {

/// The side table of a snapshot that is not a table's first (R12): keys that a chunk or a change
/// has brought since it began. It is written in the epochs' transactions, so it outlives restarts
/// as the data does. All calls but collecting() and use() need an open transaction.
class seen_keys {
 public:
  seen_keys(database&, const route&);

  bool collecting() const { return collecting_; }
  void start();

  /// Adds the key that `bind` binds, each column at its parameter (route column + 1); nothing when
  /// no snapshot collects.
  template <class Bind>
  void add(const Bind& bind) {
    if (!collecting_) return;
    if (!insert_) prepare_insert();
    bind(insert_);
    insert_.run();
  }

  /// Removes the rows whose keys are not there, as the route deletes.
  void remove_unseen();
  void drop();

  /// The route has another version.
  void use(const route&);

 private:
  void prepare_insert();

  database& db_;
  route route_;
  std::string side_; ///< quoted
  bool collecting_ = false;
  statement insert_;
};

} // namespace leat::sqlite
