#pragma once

#include <string>

#include <nlohmann/json.hpp>

#include "dataflow/error.hpp"

namespace leat::sql {

/// PostgreSQL's own parse tree of an expression, or of a type's name, as libpg_query gives it, and
/// what `location`s in it count from.
struct parsed_expression {
  nlohmann::json tree;
  int offset = 0;
};

/// Throws leat::error of kind usage.
parsed_expression parse_expression(const std::string& text);

/// The TypeName of "numeric(10,2)".
parsed_expression parse_type_name(const std::string& text);

/// Of a qualified name in a parse tree, without its schema.
std::string last_name(const nlohmann::json& names);

/// An error at a byte of an expression: `at character 7 of "..."`.
[[nodiscard]] error expression_error(const std::string& what, const std::string& text, int place,
                                     const std::string& remedy);

} // namespace leat::sql
