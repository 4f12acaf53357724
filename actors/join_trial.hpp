#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "actors/connectors.hpp"
#include "dataflow/admission.hpp"
#include "dataflow/pipeline_file.hpp"
#include "dataflow/source.hpp"

namespace leat {

/// A table that could not join although nothing was seen to speak against it.
struct failed_join {
  schema_ptr table; ///< as it was: tried again when it has changed
  error why;
};

/// Finds out which new tables could join a running pipeline, as far as it can be seen without
/// stopping it: what a beginning would ask of source, plan and targets. Changes nothing; blocks.
/// Throws leat::error when something cannot be asked now.
class join_trial {
 public:
  /// `captured`: as assembly::planned.
  join_trial(pipeline_file, connectors, std::map<oid, schema_ptr> captured,
             std::map<oid, failed_join>);

  /// `found`: the tables of `catalog` that are new. `routes`: fingerprints() of the pipeline's.
  /// True when others than before are candidates.
  bool try_out(source& origin, const std::vector<source_table>& catalog,
               const std::vector<source_table>& found,
               const std::map<std::string, std::string>& routes);

  const std::vector<source_table>& taken() const { return last_.taken; }
  const std::map<oid, error>& refused() const { return refused_; }

 private:
  using fingerprint_map = std::map<std::string, std::string>;
  std::map<oid, error> obstacles(source& origin, const std::vector<source_table>& found) const;
  bool admit_candidates(const std::vector<source_table>& catalog, const fingerprint_map& routes,
                        const std::vector<source_table>& candidates);
  std::optional<error> objection_to(const std::vector<source_table>& catalog,
                                    const fingerprint_map& routes,
                                    const std::vector<source_table>& joined) const;
  std::optional<error> objection_of_targets(const fingerprint_map& before,
                                            std::vector<route_ptr> routes,
                                            const std::vector<source_table>& joined) const;

  pipeline_file file_;
  connectors plugins_;
  std::map<oid, schema_ptr> captured_;
  std::map<oid, failed_join> failed_;
  std::map<oid, error> refused_;
  std::vector<source_table> candidates_; ///< of the last admission
  admission last_;
  int looks_since_ = 0;
};

} // namespace leat
