#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "dataflow/route.hpp"
#include "dataflow/transform.hpp"

namespace leat {

struct named_transform {
  std::string name; ///< NAME of [transform.NAME]
  transform_type_ptr type;
};

/// The transforms of a route, described for one version of its table.
struct planned_transforms {
  struct step {
    named_transform is;
    schema_ptr takes;
    transform_output gives;
    bool tells_source = false; ///< the key of `takes` says which row of the source it is
    bool asks_before = false;  ///< rows that did not come whole are asked for before it: after it
                               ///< the key tells no more
    /// It stands first, and works on the table's rows before the inner route's shape does.
    bool on_table = false;
    /// By column of `takes`: the column of inner->schema that it is.
    std::vector<std::optional<std::uint16_t>> origins;
  };
  route_ptr inner; ///< the route as it were without them
  std::vector<step> steps;
  schema_ptr takes; ///< the rows that the inner route's shape leaves, which the others begin with
  expression_policy on_error = expression_policy::stop; ///< of the route
  /// Rows are completed before `where` and `columns` see them.
  bool completes_table() const { return !steps.empty() && steps.front().on_table; }
  /// By column of route::schema: the column of inner->schema that it is, if it is one.
  std::vector<std::optional<std::uint16_t>> origins;
};

/// A first transform that completes rows before the expressions of a route see them, if that is
/// what it does.
bool first_completes(const route& inner, const std::vector<named_transform>&);

/// The route with transforms behind it; `inner` has none. Throws leat::error of kind usage: the
/// place is "transform NAME" and what the type says.
route plan_transforms(route_ptr inner, const std::vector<named_transform>&,
                      expression_policy on_error = expression_policy::stop);

/// A key at the source, by key texts of a row of `takes` or of the route; nothing when they do not
/// tell.
std::optional<std::vector<std::string>>
key_through(const route& inner, const std::vector<std::optional<std::uint16_t>>& origins,
            const std::vector<std::uint16_t>& key, const std::vector<std::string>& texts);

} // namespace leat
