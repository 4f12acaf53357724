#pragma once

#include <string_view>
#include <vector>

#include "dataflow/expressions/node.hpp"

namespace leat::sql {

/// Parameters that take every type, and every array.
inline constexpr sql_type any_type{type_id::opaque, false, -1};
inline constexpr sql_type any_array{type_id::opaque, true, -1};

constexpr sql_type scalar(type_id id) { return {id, false, -1}; }

/// The one declaration of a function or an operator: what expressions may call, and a line of
/// docs/expressions.md.
struct function {
  std::string_view name; ///< as it is written; operators by their signs
  std::vector<sql_type> parameters;
  sql_type result;
  builtin run = nullptr;
  bool strict = true;
  bool variadic = false; ///< the last parameter may come any number of times
};

/// All of them.
const std::vector<function>& functions();

/// Why leat does not take a function of PostgreSQL that people ask for: "it is volatile". Empty:
/// unknown.
std::string_view refusal_of(std::string_view name);

/// docs/expressions.md's table.
std::string function_reference();

std::vector<function> number_functions();
std::vector<function> text_functions();
std::vector<function> pattern_functions();
std::vector<function> time_functions();
/// Times of day, time zones, and patterns.
std::vector<function> clock_functions();
std::vector<function> json_functions();
std::vector<function> array_functions();

/// `||` of two of which one is an array at least, and whose items have one type by now.
builtin array_concatenation(bool left_is_array, bool right_is_array);

/// Comparison of two values of one type by an operator's signs, specialised where it is hot. Null
/// for types without one, and for the order of an enum's labels, which the type does not tell.
builtin comparison(const sql_type&, std::string_view op);

} // namespace leat::sql
