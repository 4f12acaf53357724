#pragma once

#include <memory>
#include <string>
#include <vector>

#include "dataflow/expressions/expression.hpp"
#include "dataflow/route.hpp"

namespace leat {

/// What a route says of rows, as the pipeline file has it.
struct shape_options {
  std::string where;               ///< empty: every row
  std::vector<std::string> unless; ///< conditions of routes that come first and take a row away
  std::vector<computed_column> computed;
  expression_policy on_error = expression_policy::stop;
};

/// Which rows of its table a route takes, and what it computes of them; compiled for one version of
/// the table.
struct route_shape {
  shape_options options;
  schema_ptr source;         ///< the table
  sql::expression_ptr where; ///< null: every row
  std::vector<sql::expression_ptr> unless;
  std::vector<sql::expression_ptr>
      computed; ///< the columns of route::schema behind those of `source`
};

/// Numbers of computed columns (column::number) begin here, beyond those of any table.
inline constexpr std::int16_t first_computed_number = 20000;

/// Compiles. Throws leat::error of kind usage: `where` begins with the option's name and says the
/// place in the expression.
std::shared_ptr<const route_shape> make_shape(const shape_options&, const schema_ptr& table);

/// The table's columns with the computed ones behind them.
schema_ptr shaped_schema(const route_shape&);

/// SQL that the source can evaluate as leat does and that holds for the rows that any of these
/// routes, all of one table, takes; empty when a route takes every row, or one has to be evaluated
/// here.
std::string condition_at_source(const std::vector<route_ptr>&);

/// Columns of the source table that the route's rows depend on.
std::vector<std::uint16_t> read_columns(const route&);

/// Updates may come without values that the route's rows are made of (unchanged TOAST).
bool may_leave_out(const route&);

/// Columns that expressions read whose value an UPDATE may leave out (unchanged TOAST), by name;
/// none with REPLICA IDENTITY FULL.
std::vector<std::string> columns_left_out(const route_shape&);

} // namespace leat
