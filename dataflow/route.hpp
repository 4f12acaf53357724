#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "dataflow/schema.hpp"

namespace leat {

enum class route_mode : std::uint8_t { upsert, append };
enum class delete_mode : std::uint8_t { hard, soft, ignore };
enum class schema_policy : std::uint8_t { evolve, stop };

/// Number of a route in this run, from 0 without gaps.
using route_id = std::uint32_t;

struct target_column {
  std::string name;            ///< at the target
  std::uint16_t source = 0;    ///< index into route::schema->columns
  bool operator==(const target_column&) const = default;
};

/// One source table to one target table, as planned. Immutable: a schema change makes a new one with
/// the same id.
struct route {
  route_id id = 0;
  std::string sink;                    ///< NAME of [sink.NAME]
  std::string target;                  ///< table at the target; "schema.table" where the target has schemas and the route names one
  route_mode mode = route_mode::upsert;
  delete_mode removal = delete_mode::hard;
  schema_policy schema_changes = schema_policy::evolve;
  schema_ptr schema;                   ///< the source table
  std::vector<target_column> columns;  ///< what is written, in the target's order
  std::vector<std::uint16_t> key;      ///< indexes into `columns`, in key order; empty: rows are found by all columns
  std::vector<std::uint16_t> source_key;  ///< the same columns as indexes into schema->columns
  bool all_columns = true;             ///< no `columns` in the file: added source columns are taken
  std::vector<std::string> excluded;   ///< `exclude` of the file
  std::vector<std::string> transforms; ///< names of [transform.NAME], in order

  const column& source_column(std::size_t i) const { return schema->columns[columns[i].source]; }
};

using route_ptr = std::shared_ptr<const route>;

} // namespace leat
