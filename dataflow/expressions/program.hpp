#pragma once

#include "dataflow/expressions/expression.hpp"

namespace leat::sql {

/// Flattens the tree into the expression's steps, registers and constants.
void build_program(const node& root, expression& out);

} // namespace leat::sql
