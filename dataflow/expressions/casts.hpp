#pragma once

#include "dataflow/expressions/evaluation_error.hpp"
#include "dataflow/expressions/node.hpp"

namespace leat::sql {

enum class cast_context : std::uint8_t { implicit, explicitly };

bool can_cast(const sql_type& from, const sql_type& to, cast_context);

/// The value in another type, with `to.modifier` applied. Gives the node itself where nothing is to
/// do. Not for pairs that can_cast() refuses. Reading a literal may throw evaluation_error.
node_ptr cast(node_ptr, const sql_type& to);

/// How far a number or a text is from another type that it becomes by itself, for choosing
/// functions.
int distance(const sql_type& from, const sql_type& to);

/// What CASE, COALESCE and comparisons of several types have in common; `unknown` when nothing.
sql_type common_type(const std::vector<sql_type>&);

/// Constant subexpressions become their values, strict calls with a NULL become NULL, and branches
/// that cannot be taken go, as PostgreSQL's planner has it. An evaluation_error of it is thrown as
/// constant_error.
node_ptr simplified(node_ptr);

/// What a tree of calls and constants gives, whenever PostgreSQL would compute it.
datum computed(const node&);

/// A part of an expression that fails for every row.
struct constant_error : evaluation_error {
  constant_error(const evaluation_error& e, int at) : evaluation_error(e), place(at) {}
  int place;
};

node_ptr make_constant(const sql_type&, datum, int place);
node_ptr make_call(builtin, const sql_type& result, std::vector<node_ptr> arguments, int place,
                   bool strict = true);

} // namespace leat::sql
