#include "dataflow/expressions/functions.hpp"
#include "dataflow/expressions/json_value.hpp"

namespace leat::sql {

namespace {

using arguments = const datum* const*;

struct equal {
  static bool holds(int c) { return c == 0; }
};
struct not_equal {
  static bool holds(int c) { return c != 0; }
};
struct less {
  static bool holds(int c) { return c < 0; }
};
struct less_equal {
  static bool holds(int c) { return c <= 0; }
};
struct greater {
  static bool holds(int c) { return c > 0; }
};
struct greater_equal {
  static bool holds(int c) { return c >= 0; }
};

template <class Op>
void integers(datum& out, arguments a, const call_info&) {
  const auto x = a[0]->i, y = a[1]->i;
  out.set(Op::holds((x > y) - (x < y)) ? 1 : 0);
}

template <class Op>
void texts(datum& out, arguments a, const call_info&) {
  out.set(Op::holds(a[0]->text.compare(a[1]->text)) ? 1 : 0);
}

template <class Op>
void values(datum& out, arguments a, const call_info& c) {
  out.set(Op::holds(compare_values(c.arguments[0], *a[0], *a[1])) ? 1 : 0);
}

void json_same(datum& out, arguments a, const call_info&) {
  out.set(json_equal(parse_json(a[0]->text, true), parse_json(a[1]->text, true)) ? 1 : 0);
}
void json_other(datum& out, arguments a, const call_info&) {
  out.set(json_equal(parse_json(a[0]->text, true), parse_json(a[1]->text, true)) ? 0 : 1);
}

template <class Op>
builtin choose(const sql_type& t) {
  if (t.array)
    return t.id == type_id::json || t.id == type_id::jsonb || t.id == type_id::opaque ? nullptr
                                                                                      : values<Op>;
  switch (t.id) {
  case type_id::boolean:
  case type_id::int2:
  case type_id::int4:
  case type_id::int8:
  case type_id::date:
  case type_id::time_of_day:
  case type_id::timestamp:
  case type_id::timestamptz:
    return integers<Op>;
  case type_id::text:
  case type_id::varchar:
  case type_id::bytea:
  case type_id::uuid:
  case type_id::enumeration:
    return texts<Op>;
  case type_id::json:
  case type_id::jsonb:
  case type_id::opaque:
  case type_id::unknown:
    return nullptr;
  default:
    return values<Op>;
  }
}

} // namespace

builtin comparison(const sql_type& t, std::string_view op) {
  if (t.id == type_id::jsonb && !t.array)
    return op == "=" ? json_same : op == "<>" ? json_other : nullptr;
  if (op == "=") return choose<equal>(t);
  if (op == "<>") return choose<not_equal>(t);
  if (t.id == type_id::enumeration) return nullptr;
  if (op == "<") return choose<less>(t);
  if (op == "<=") return choose<less_equal>(t);
  if (op == ">") return choose<greater>(t);
  if (op == ">=") return choose<greater_equal>(t);
  return nullptr;
}

} // namespace leat::sql
