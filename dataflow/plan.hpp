#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "dataflow/pipeline_file.hpp"
#include "dataflow/route.hpp"
#include "dataflow/schema_diff.hpp"
#include "dataflow/transform.hpp"

namespace leat {

/// A table that the source can publish, as its catalog has it. schema->key is the primary key or
/// the replica identity index, in key order; empty when there is none.
struct source_table {
  schema_ptr schema;
  std::uint64_t rows_estimated = 0;
  std::vector<std::string> coming = {}; ///< columns that the stream will bring: `schema` is older
  bool known = false;                   ///< `schema` is as a checkpoint has it
};

struct plan_problem {
  enum class severity : std::uint8_t { error, note };
  severity how = severity::error;
  std::string what;
  std::string where;  ///< place in the pipeline file, or a table
  std::string remedy; ///< may be empty for a note
};

/// What a pipeline does: `leat plan` prints it, `leat run` executes it.
struct plan {
  std::vector<schema_ptr> tables; ///< that a route reads, by schema and name
  std::vector<route_ptr> routes;  ///< route::id is the index
  std::vector<plan_problem> problems;
};

/// The plan with all of its problems; with an error among them it must not be run.
plan draft_plan(const pipeline_file&, const std::vector<source_table>&,
                const transform_registry& = {});

/// The same; the first error is thrown as leat::error of kind usage, so that only notes are left.
plan make_plan(const pipeline_file&, const std::vector<source_table>&,
               const transform_registry& = {});

/// The route over the next version of its table (R7): added source columns come at the end when the
/// route takes all, dropped ones go, renamed ones keep their place and take the new name. Throws
/// leat::error of kind source when a column of the key goes, or the table's key becomes another
/// one.
route_ptr evolve_route(const route& before, const schema_ptr& after, const schema_diff&);
/// The same with diff_schemas() of the two versions.
route_ptr evolve_route(const route& before, const schema_ptr& after);

/// What R12 compares, as text: the source table's name, columns, key, mode, delete and target.
/// Equal for routes that leave the same rows. Only routes over the same version of a table can be
/// compared.
std::string route_fingerprint(const route&);

/// Whether the fingerprint is of a route over this table, "schema.table".
bool is_fingerprint_over(const std::string& fingerprint, const std::string& table);

/// What differs between two fingerprints, for the message that refuses a changed route; empty when
/// they are equal.
std::string compare_fingerprints(const std::string& before, const std::string& after);

} // namespace leat
