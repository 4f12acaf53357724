#pragma once

#include <string>

#include "dataflow/pipeline_file.hpp"
#include "dataflow/planned_transforms.hpp"
#include "dataflow/route.hpp"

namespace leat {

/// One table through one [[route]] into one sink, without its id. Throws leat::error of kind usage,
/// at `where`, when columns or key do not fit.
/// `unless`: conditions of earlier routes over the table, whose rows this one does not take.
route build_route(const route_options&, const sink_options&, const schema_ptr&,
                  const std::string& where, const std::vector<std::string>& unless = {},
                  const std::vector<named_transform>& transforms = {});

/// The route's `where` over that table, with what the stars of its pattern stand for; may be empty.
std::string condition_of(const route_options&, const table_schema&);

/// What two routes of one sink may not have in common: the target's name by the target's rules of
/// case and schemas.
std::string target_identity(const route&, const sink_options&);

/// "schema"."table", for statements in remedies.
std::string quoted_name(const table_schema&);

} // namespace leat
