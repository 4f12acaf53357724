#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "dataflow/expressions/datum.hpp"

namespace leat::sql {

using string_list = std::shared_ptr<const std::vector<std::string>>;

/// What a call knows beside its arguments' values.
struct call_info {
  sql_type result;
  std::vector<sql_type> arguments;
  std::int64_t parameter = 0;   ///< of casts: the modifier; of functions: 1 under COLLATE "C"
  string_list labels = nullptr; ///< of an enum, in their order
};

/// Computes one value. A strict function is not called with a NULL among its arguments: it gives
/// NULL. Throws evaluation_error.
using builtin = void (*)(datum& out, const datum* const* arguments, const call_info&);

/// Columns of `leat.`; schema and table are constants of a route.
enum class metadata_column : std::uint8_t { op, commit_lsn, commit_time, xid, snapshot };

enum class node_kind : std::uint8_t {
  constant,
  column,
  metadata,
  call,
  all_of,
  any_of,
  choice,
  first_known,
};

struct node;
using node_ptr = std::unique_ptr<node>;

/// An expression with its columns and types resolved. `choice` is CASE: condition, result,
/// condition, result, ..., default; `first_known` COALESCE.
struct node {
  node_kind kind = node_kind::constant;
  sql_type type;
  int place = 0;            ///< byte in the expression's text
  bool by_bytes = false;    ///< COLLATE "C" stands on it or within it
  datum value;              ///< constant
  std::uint16_t column = 0; ///< column of the table, or a metadata_column
  builtin run = nullptr;
  bool strict = true;
  std::int64_t parameter = 0;
  string_list labels;
  std::vector<node_ptr> arguments;

  bool is_constant() const { return kind == node_kind::constant; }
  bool is_null_constant() const { return is_constant() && value.null; }
  bool is_unknown() const { return type.id == type_id::unknown && !type.array; }
};

call_info info_of(const node& call);

} // namespace leat::sql
