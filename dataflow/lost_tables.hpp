#pragma once

#include <map>
#include <string>

#include "dataflow/error.hpp"
#include "dataflow/route.hpp"

namespace leat {

/// Target tables that a pipeline has written to and that were dropped since. One is made again when
/// snapshots of all its sources have begun: with the rows of some it would be there, and look
/// whole.
class lost_tables {
 public:
  /// The table of the route is not there.
  void add(const route&);
  /// A snapshot begins that brings all rows of the route's source.
  void note_begun(const route&);
  /// Throws while rows of one of its sources are not to come. `where`: the table, as it is quoted
  /// there.
  void check_whole(const route&, const std::string& where) const;

 private:
  std::map<std::string, std::map<std::string, bool>> tables_; ///< target -> source -> begun
};

/// That of a route alone.
error lost_table(const route&, std::string where);

} // namespace leat
