#pragma once

#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

#include "dataflow/route.hpp"
#include "plugins/sqlite/database.hpp"

namespace leat::sqlite {

/// Which of a route's columns came, one char each: '1' came, '0' did not.
using column_set = std::string;

/// The statements of one keyed table, prepared when first used. Parameter i + 1 is route column i,
/// whether a statement uses it or not; `deleted` and `moved` follow.
class upsert_statements {
 public:
  upsert_statements(const database&, const route&);

  int deleted_parameter() const { return static_cast<int>(width_) + 1; }
  int moved_parameter() const { return static_cast<int>(width_) + 2; }

  /// A whole row.
  statement& upsert();
  /// The columns that came, of the row with this key; no row: nothing happens. A row that is marked
  /// deleted counts as none, unless this one is to be deleted as well.
  statement& partial(const column_set& came, bool deleted);
  /// The row with this key goes away, or is marked.
  statement& remove();
  /// Keeps the row with this key as number `moved` until forget_moved().
  statement& keep_moved();
  /// A whole row, with the columns that did not come taken from the kept row number `moved`.
  statement& upsert_moved(const column_set& came);
  void forget_moved();

 private:
  std::string name(std::size_t column) const;
  std::string key_equals() const;
  std::string conflict_clause() const;
  std::string column_names() const;
  bool is_key(std::size_t column) const;
  bool soft() const { return route_.removal == delete_mode::soft; }
  statement& cached(std::unordered_map<column_set, statement>&, const column_set&,
                    const std::string& sql);

  const database& db_;
  route route_;
  std::size_t width_;
  std::string table_;
  statement upsert_;
  statement remove_;
  statement keep_moved_;
  std::unordered_map<column_set, statement> partial_;
  std::unordered_map<column_set, statement> moved_;
};

} // namespace leat::sqlite
