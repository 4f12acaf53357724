#pragma once

#include "dataflow/expressions/node.hpp"

namespace leat::sql {

// Built-ins that the grammar has words for. None of them is strict, but for negation and
// label_place.

void negate(datum& out, const datum* const* arguments, const call_info&);
void is_null(datum& out, const datum* const* arguments, const call_info&);
void is_not_null(datum& out, const datum* const* arguments, const call_info&);
/// parameter: 0 false, 1 true, 2 unknown; 4 added: NOT.
void is_truth(datum& out, const datum* const* arguments, const call_info&);
void is_distinct(datum& out, const datum* const* arguments, const call_info&);
void is_not_distinct(datum& out, const datum* const* arguments, const call_info&);
void null_if(datum& out, const datum* const* arguments, const call_info&);
void greatest(datum& out, const datum* const* arguments, const call_info&);
void least(datum& out, const datum* const* arguments, const call_info&);
/// First argument: what is looked for.
void in_values(datum& out, const datum* const* arguments, const call_info&);
/// Of an array. parameter: the operator's place in `array_operators`; 8 added: ALL.
void over_items(datum& out, const datum* const* arguments, const call_info&);
inline constexpr const char* array_operators[] = {"=", "<>", "<", "<=", ">", ">="};
/// A label's place in the order of its enum, as an integer.
void label_place(datum& out, const datum* const* arguments, const call_info&);
void make_array(datum& out, const datum* const* arguments, const call_info&);
void array_item(datum& out, const datum* const* arguments, const call_info&);

} // namespace leat::sql
