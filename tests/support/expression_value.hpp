#pragma once

#include <string>

#include "dataflow/expressions/expression.hpp"
#include "tests/support/batch_builder.hpp"

namespace leat::test {

/// What an expression gives over one row, as text or NULL; throws what it throws.
inline std::string value_of(const std::string& expression, const schema_ptr& schema,
                            const row& cells) {
  const auto rows = batch_builder(schema).insert(cells).build();
  sql::evaluation e(sql::expression::compile(expression, *schema));
  const auto& d = e.run(*rows, rows->new_row(rows->changes[0]), &rows->changes[0]);
  if (d.null) return "NULL";
  std::string out;
  sql::print_value(e.of().type(), d, out);
  return out;
}

} // namespace leat::test
