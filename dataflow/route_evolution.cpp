#include "dataflow/route_evolution.hpp"

#include <algorithm>

#include "dataflow/error.hpp"
#include "dataflow/planned_transforms.hpp"
#include "dataflow/route_shape.hpp"

namespace leat {

namespace {

using indexes = std::vector<std::uint16_t>;

bool same_set(indexes a, indexes b) {
  std::sort(a.begin(), a.end());
  std::sort(b.begin(), b.end());
  return a == b;
}

[[noreturn]] void refuse(const route& before, const std::string& what) {
  throw error(
      error_kind::source, what, "table " + before.schema->qualified_name(),
      "leave the table out of `tables` and run once; then drop its target table, take it in "
      "again and run: it is made anew");
}

std::string column_names(const table_schema& table, const indexes& columns) {
  std::string names;
  for (const std::uint16_t c : columns)
    names += (names.empty() ? "" : ", ") + table.columns[c].name;
  return "(" + names + ")";
}

void take_surviving_columns(route& next, const route& before, const schema_diff& diff) {
  std::vector<std::optional<std::uint16_t>> moved(before.columns.size());
  for (std::size_t i = 0; i < before.columns.size(); ++i) {
    const target_column& c = before.columns[i];
    const std::optional<std::uint16_t> source = diff.place[c.source];
    if (!source) continue;
    // A column that went by its source's name goes on doing so.
    const bool same_name = c.name == before.schema->columns[c.source].name;
    moved[i] = static_cast<std::uint16_t>(next.columns.size());
    next.columns.push_back({same_name ? next.schema->columns[*source].name : c.name, *source});
  }
  for (const std::uint16_t k : before.key) {
    if (!moved[k] && next.mode == route_mode::append) {
      // Appended rows are found by their position alone.
      next.key.clear();
      next.source_key.clear();
      return;
    }
    if (!moved[k])
      refuse(before, "column " + before.columns[k].name + " of the route's key was dropped");
    next.key.push_back(*moved[k]);
    next.source_key.push_back(next.columns[*moved[k]].source);
  }
}

void take_added_columns(route& next, const schema_diff& diff) {
  if (!next.all_columns) return;
  for (const std::uint16_t source : diff.added) {
    const std::string& name = next.schema->columns[source].name;
    const bool excluded =
        std::find(next.excluded.begin(), next.excluded.end(), name) != next.excluded.end();
    if (excluded) continue;
    const bool own_columns = next.mode == route_mode::append || next.removal == delete_mode::soft;
    if (own_columns && name.starts_with("_leat_"))
      refuse(next, "the new column " + name + " has the name of a column that leat adds");
    next.columns.push_back({name, source});
  }
}

/// Deletes and moved rows bring the replica identity only, so the key must stay within it; and a
/// key that no longer is the table's would fold rows that the source keeps apart.
void check_key(const route& next, const route& before) {
  if (next.mode != route_mode::upsert) return;
  const table_schema& table = *next.schema;
  const bool full = table.identity == replica_identity::full;
  if (next.key.empty()) {
    if (full) return;
    refuse(before, "rows are found by all of their columns, but the table's replica identity is no "
                   "longer FULL");
  }
  const bool tables_own = same_set(before.source_key, before.schema->key);
  if (tables_own) {
    const bool unknown = full && table.key.empty();
    if (unknown || same_set(next.source_key, table.key)) return;
    refuse(before, "the key of the table changed from "
                       + column_names(*before.schema, before.source_key) + " to "
                       + column_names(table, table.key));
  }
  for (const std::uint16_t c : next.source_key)
    if (!full && !table.columns[c].identity)
      refuse(before, "column " + table.columns[c].name
                         + " of the route's key is no longer in the table's replica identity");
}

/// The expressions over the next version of the table.
std::shared_ptr<const route_shape> next_shape(const route& before, const schema_ptr& after) {
  try {
    return make_shape(before.shape->options, after);
  } catch (const error& e) {
    throw error(error_kind::source,
                std::string("the table changed, and an expression of the route no longer fits it: ")
                    + e.what(),
                "table " + after->qualified_name() + " to " + before.target + ", " + e.where(),
                "correct the expression in the pipeline file, then `leat resnapshot` the table; "
                    + e.remedy());
  }
}

route_ptr next_chain(const route& before, const route_ptr& inner) {
  std::vector<named_transform> transforms;
  for (const auto& s : before.chain->steps) transforms.push_back(s.is);
  try {
    auto made = plan_transforms(inner, transforms, before.chain->on_error);
    auto next = std::make_shared<route>(before);
    next->schema = std::move(made.schema);
    next->shape = std::move(made.shape);
    next->chain = std::move(made.chain);
    next->columns = std::move(made.columns);
    next->key = std::move(made.key);
    next->source_key = std::move(made.source_key);
    return next;
  } catch (const error& e) {
    throw error(error_kind::source,
                std::string("the table changed, and a transform of the route no longer fits it: ")
                    + e.what(),
                "table " + inner->source()->qualified_name() + " to " + before.target + ", "
                    + std::string(e.where()),
                "correct the transform in the pipeline file, then `leat resnapshot` the table; "
                    + std::string(e.remedy()));
  }
}

} // namespace

route_ptr evolve_route(const route& before, const schema_ptr& table, const schema_diff& of_table) {
  if (before.chain) return next_chain(before, evolve_route(*before.chain->inner, table, of_table));
  auto next = std::make_shared<route>(before);
  auto after = table;
  auto diff = of_table;
  if (before.shape) {
    next->shape = next_shape(before, table);
    after = shaped_schema(*next->shape);
    diff = diff_schemas(*before.schema, *after);
  }
  next->schema = after;
  next->columns.clear();
  next->key.clear();
  next->source_key.clear();
  take_surviving_columns(*next, before, diff);
  take_added_columns(*next, diff);
  if (next->columns.empty()) refuse(before, "no column that the route writes is left");
  check_key(*next, before);
  return next;
}

route_ptr evolve_route(const route& before, const schema_ptr& after) {
  return evolve_route(before, after, diff_schemas(*before.source(), *after));
}

} // namespace leat
