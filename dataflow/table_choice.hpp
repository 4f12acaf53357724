#pragma once

#include <map>
#include <optional>
#include <vector>

#include "dataflow/plan.hpp"
#include "dataflow/schema.hpp"

namespace leat {

/// Which tables a pipeline takes when it begins. One that begins again in its process goes on with
/// those that it had, whatever has become of the catalog, so that nothing but `joining` changes.
struct table_choice {
  /// As they were planned when the process began, or when they joined; nothing: a new process,
  /// which takes what the file selects.
  std::optional<std::map<oid, schema_ptr>> kept;
  std::map<oid, schema_ptr> joining; ///< as the catalog had them
};

/// Of the catalog's tables those that the choice keeps, under the names that they were planned
/// under; tables that are gone stay, unless a table of `joined` has the name.
std::vector<source_table> kept_tables(const std::vector<source_table>& catalog, const table_choice&,
                                      const std::vector<source_table>& joined);

/// Of the catalog's tables those that join.
std::vector<source_table> joining_tables(const std::vector<source_table>& catalog,
                                         const table_choice&);

/// Gives kept tables the names back that they were planned under, since a plan goes by names.
void plan_by_old_names(std::vector<source_table>&, const table_choice&);

/// Brings a plan made by old names to the versions that the stream goes on from: a table that was
/// renamed keeps its target.
void follow_renames(plan&, const std::map<oid, schema_ptr>& now);

} // namespace leat
