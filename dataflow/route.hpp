#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "dataflow/schema.hpp"

namespace leat {

enum class route_mode : std::uint8_t { upsert, append };
enum class delete_mode : std::uint8_t { hard, soft, ignore };
enum class schema_policy : std::uint8_t { evolve, stop };
/// What a row does that an expression of the route cannot be computed for.
enum class expression_policy : std::uint8_t { stop, null, dead_letter };

struct route_shape;
struct planned_transforms;
struct starrocks_table_options;

/// A column of a route that is computed: { name, expr, type } of the pipeline file.
struct computed_column {
  std::string name;
  std::string expr;
  std::string type; ///< empty: the expression's own
  bool operator==(const computed_column&) const = default;
};

/// Number of a route in this run, from 0 without gaps.
using route_id = std::uint32_t;

struct target_column {
  std::string name;         ///< at the target
  std::uint16_t source = 0; ///< index into route::schema->columns
  bool operator==(const target_column&) const = default;
};

/// A target column that has one value in all rows of a source.
struct own_value {
  std::string column; ///< its name at the target
  std::string text;
  bool operator==(const own_value&) const = default;
};

/// One source table to one target table, as planned. Immutable: a schema change makes a new one
/// with the same id.
struct route {
  route_id id = 0;
  std::string sink;   ///< NAME of [sink.NAME]
  std::string target; ///< table at the target; "schema.table" where the target has schemas and the
                      ///< route names one
  route_mode mode = route_mode::upsert;
  delete_mode removal = delete_mode::hard;
  schema_policy schema_changes = schema_policy::evolve;
  /// The rows that the writer takes: the source table, and the computed columns behind its own; or
  /// what the transforms make of them.
  schema_ptr schema;
  std::shared_ptr<const route_shape>
      shape;                          ///< null: the writer takes the source's rows as they are
  std::vector<target_column> columns; ///< what is written, in the target's order
  std::vector<std::uint16_t>
      key; ///< indexes into `columns`, in key order; empty: rows are found by all columns
  std::vector<std::uint16_t> source_key; ///< the same columns as indexes into schema->columns
  bool all_columns = true;           ///< no `columns` in the file: added source columns are taken
  std::vector<std::string> excluded; ///< `exclude` of the file
  std::shared_ptr<const planned_transforms> chain; ///< null: no `transform`

  /// Where several source tables feed the target: the other routes, the values that tell the rows
  /// of this one, and the target's columns that others write as well, as they are when this version
  /// begins.
  std::vector<route_id> beside;
  std::vector<own_value> own_rows;
  std::vector<std::string> shared;
  /// Name of its progress at the target; empty: the target's.
  std::string record;

  bool merged() const { return !beside.empty(); }
  const std::string& progress_name() const { return record.empty() ? target : record; }
  /// "sink/progress", what checkpoints know it by.
  std::string full_name() const { return sink + "/" + progress_name(); }
  bool shares(const std::string& column) const;
  std::shared_ptr<const starrocks_table_options> made_with; ///< null: as the sink's tables

  const column& source_column(std::size_t i) const { return schema->columns[columns[i].source]; }

  /// The source table.
  const schema_ptr& source() const;
  /// Columns of the source table that target column i is made of.
  std::vector<std::uint16_t> origins(std::size_t i) const;
  /// A row's key at the source, by its key at the target (texts in key order); nothing when the
  /// target's key does not have it.
  std::optional<std::vector<std::string>> key_at_source(const std::vector<std::string>& key) const;
};

using route_ptr = std::shared_ptr<const route>;

} // namespace leat
