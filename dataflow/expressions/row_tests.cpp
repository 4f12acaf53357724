#include "dataflow/expressions/row_tests.hpp"

#include <algorithm>

#include "dataflow/expressions/evaluation_error.hpp"
#include "dataflow/expressions/json_value.hpp"

namespace leat::sql {

namespace {

bool equal(const sql_type& t, const datum& a, const datum& b) {
  if (t.id == type_id::jsonb && !t.array)
    return json_equal(parse_json(a.text, true), parse_json(b.text, true));
  return compare_values(t, a, b) == 0;
}

bool holds(std::int64_t op, int c) {
  switch (op) {
  case 0:
    return c == 0;
  case 1:
    return c != 0;
  case 2:
    return c < 0;
  case 3:
    return c <= 0;
  case 4:
    return c > 0;
  default:
    return c >= 0;
  }
}

bool distinct(const datum* const* a, const call_info& c) {
  if (a[0]->null || a[1]->null) return a[0]->null != a[1]->null;
  return !equal(c.arguments[0], *a[0], *a[1]);
}

void extreme(datum& out, const datum* const* a, const call_info& c, int sign) {
  const datum* best = nullptr;
  for (std::size_t i = 0; i < c.arguments.size(); ++i) {
    if (a[i]->null) continue;
    if (best == nullptr || compare_values(c.arguments[0], *a[i], *best) * sign > 0) best = a[i];
  }
  if (best == nullptr) return out.set_null();
  out.assign(*best);
}

} // namespace

void negate(datum& out, const datum* const* a, const call_info&) { out.set(a[0]->truth() ? 0 : 1); }
void is_null(datum& out, const datum* const* a, const call_info&) { out.set(a[0]->null ? 1 : 0); }
void is_not_null(datum& out, const datum* const* a, const call_info&) {
  out.set(a[0]->null ? 0 : 1);
}

void is_truth(datum& out, const datum* const* a, const call_info& c) {
  const auto wanted = c.parameter & 3;
  const bool is = wanted == 2 ? a[0]->null : !a[0]->null && a[0]->truth() == (wanted == 1);
  out.set(is != ((c.parameter & 4) != 0) ? 1 : 0);
}

void is_distinct(datum& out, const datum* const* a, const call_info& c) {
  out.set(distinct(a, c) ? 1 : 0);
}
void is_not_distinct(datum& out, const datum* const* a, const call_info& c) {
  out.set(distinct(a, c) ? 0 : 1);
}

void null_if(datum& out, const datum* const* a, const call_info& c) {
  const bool same = !a[0]->null && !a[1]->null && equal(c.arguments[0], *a[0], *a[1]);
  if (same)
    out.set_null();
  else
    out.assign(*a[0]);
}

void greatest(datum& out, const datum* const* a, const call_info& c) { extreme(out, a, c, 1); }
void least(datum& out, const datum* const* a, const call_info& c) { extreme(out, a, c, -1); }

void in_values(datum& out, const datum* const* a, const call_info& c) {
  if (a[0]->null) return out.set_null();
  bool null = false;
  for (std::size_t i = 1; i < c.arguments.size(); ++i) {
    if (a[i]->null)
      null = true;
    else if (equal(c.arguments[0], *a[0], *a[i]))
      return out.set(1);
  }
  if (null)
    out.set_null();
  else
    out.set(0);
}

void over_items(datum& out, const datum* const* a, const call_info& c) {
  const bool all = (c.parameter & 8) != 0;
  if (a[1]->null) return out.set_null();
  if (a[1]->items.empty()) return out.set(all ? 1 : 0);
  if (a[0]->null) return out.set_null();
  bool null = false;
  for (const auto& item : a[1]->items) {
    if (item.null)
      null = true;
    else if (holds(c.parameter & 7, compare_values(c.arguments[0], *a[0], item)) != all)
      return out.set(all ? 0 : 1);
  }
  if (null)
    out.set_null();
  else
    out.set(all ? 1 : 0);
}

void label_place(datum& out, const datum* const* a, const call_info& c) {
  const auto found = std::find(c.labels->begin(), c.labels->end(), a[0]->text);
  if (found == c.labels->end())
    throw evaluation_error("22P02", "the enum has got the label \"" + std::string(a[0]->text)
                                        + "\" since leat was started: start it again");
  out.set(found - c.labels->begin());
}

void make_array(datum& out, const datum* const* a, const call_info& c) {
  out.items.clear();
  for (std::size_t i = 0; i < c.arguments.size(); ++i) out.items.push_back(*a[i]);
  out.null = false;
}

void array_item(datum& out, const datum* const* a, const call_info&) {
  const auto n = a[1]->i;
  if (n < 1 || n > static_cast<std::int64_t>(a[0]->items.size())) return out.set_null();
  out.assign(a[0]->items[static_cast<std::size_t>(n - 1)]);
}

} // namespace leat::sql
