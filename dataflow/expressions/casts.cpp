#include "dataflow/expressions/casts.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "dataflow/expressions/evaluation_error.hpp"
#include "dataflow/expressions/json_value.hpp"
#include "dataflow/expressions/text_format.hpp"

namespace leat::sql {

namespace {

using arguments = const datum* const*;

[[noreturn]] void out_of_range(const char* type) {
  throw evaluation_error("22003", std::string(type) + " out of range");
}

struct integer_bounds {
  std::int64_t least, most;
  const char* name;
};

integer_bounds bounds_of(type_id id) {
  if (id == type_id::int2) return {INT16_MIN, INT16_MAX, "smallint"};
  if (id == type_id::int4) return {INT32_MIN, INT32_MAX, "integer"};
  return {INT64_MIN, INT64_MAX, "bigint"};
}

void integer_to_integer(datum& out, arguments a, const call_info& c) {
  const auto b = bounds_of(c.result.id);
  if (a[0]->i < b.least || a[0]->i > b.most) out_of_range(b.name);
  out.set(a[0]->i);
}

void integer_to_numeric(datum& out, arguments a, const call_info&) {
  out.set(numeric::of(a[0]->i));
}
void integer_to_float8(datum& out, arguments a, const call_info&) {
  out.set_real(static_cast<double>(a[0]->i));
}
void integer_to_float4(datum& out, arguments a, const call_info&) {
  out.set_real(static_cast<double>(static_cast<float>(a[0]->i)));
}
void integer_to_boolean(datum& out, arguments a, const call_info&) {
  out.set(a[0]->i != 0 ? 1 : 0);
}
void boolean_to_integer(datum& out, arguments a, const call_info&) { out.set(a[0]->i); }

void float_to_integer(datum& out, arguments a, const call_info& c) {
  const auto b = bounds_of(c.result.id);
  const double rounded = std::rint(a[0]->f);
  const double limit =
      b.most == INT64_MAX ? 9223372036854775808.0 : static_cast<double>(b.most) + 1;
  if (std::isnan(rounded) || rounded < static_cast<double>(b.least) || rounded >= limit)
    out_of_range(b.name);
  out.set(static_cast<std::int64_t>(rounded));
}

void float8_to_float4(datum& out, arguments a, const call_info&) {
  const auto narrow = static_cast<float>(a[0]->f);
  if (std::isinf(narrow) && !std::isinf(a[0]->f))
    throw evaluation_error("22003", "value out of range: overflow");
  if (narrow == 0 && a[0]->f != 0) throw evaluation_error("22003", "value out of range: underflow");
  out.set_real(static_cast<double>(narrow));
}

void same_real(datum& out, arguments a, const call_info&) { out.set_real(a[0]->f); }
void float8_to_numeric(datum& out, arguments a, const call_info&) { out.set(numeric::of(a[0]->f)); }
void float4_to_numeric(datum& out, arguments a, const call_info&) {
  out.set(numeric::of_float(static_cast<float>(a[0]->f)));
}

void numeric_to_integer(datum& out, arguments a, const call_info& c) {
  const auto b = bounds_of(c.result.id);
  out.set(a[0]->number.to_integer(b.least, b.most, b.name));
}

void numeric_to_float8(datum& out, arguments a, const call_info&) {
  out.set_real(a[0]->number.to_double());
}
void numeric_to_float4(datum& out, arguments a, const call_info&) {
  out.set_real(static_cast<double>(parse_float(a[0]->number.text())));
}

void date_to_timestamp(datum& out, arguments a, const call_info&) {
  out.set(timestamp_of_date(a[0]->i));
}
void timestamp_to_date(datum& out, arguments a, const call_info&) {
  out.set(date_of_timestamp(a[0]->i));
}
void timestamp_to_time(datum& out, arguments a, const call_info&) {
  if (!is_finite_timestamp(a[0]->i)) return out.set_null();
  out.set(add_to_clock(0, a[0]->i));
}
void interval_to_time(datum& out, arguments a, const call_info&) {
  out.set(add_to_clock(0, a[0]->span.microseconds));
}
void time_to_interval(datum& out, arguments a, const call_info&) {
  out.set(interval_value{a[0]->i, 0, 0});
}
void same_integer(datum& out, arguments a, const call_info&) { out.set(a[0]->i); }

void boolean_to_text(datum& out, arguments a, const call_info&) {
  out.set_view(a[0]->truth() ? "true" : "false");
}
void same_text(datum& out, arguments a, const call_info&) { out.set_view(a[0]->text); }
void bpchar_to_text(datum& out, arguments a, const call_info&) {
  out.set_view(without_trailing_spaces(a[0]->text));
}

void through_output(datum& out, arguments a, const call_info& c) {
  out.own.clear();
  print_value(c.arguments[0], *a[0], out.own);
  out.set_built();
}

void through_input(datum& out, arguments a, const call_info& c) {
  read_value(c.result, a[0]->text, out);
}

void to_jsonb(datum& out, arguments a, const call_info&) {
  out.set_own(canonical_json(a[0]->text));
}

void from_jsonb(datum& out, arguments a, const call_info& c) {
  const auto v = parse_json(a[0]->text, true);
  const bool wants_truth = c.result.id == type_id::boolean;
  const bool fits = v.what == (wants_truth ? json_value::kind::boolean : json_value::kind::number);
  if (!fits)
    throw evaluation_error("22023", std::string("cannot cast jsonb ") + json_type_name(v)
                                        + " to type " + name_of(c.result.plain()));
  if (wants_truth) return out.set(v.truth ? 1 : 0);
  datum number;
  number.set(v.number);
  const datum* one[] = {&number};
  switch (c.result.id) {
  case type_id::numeric:
    return out.set(v.number);
  case type_id::float8:
    return numeric_to_float8(out, one, c);
  case type_id::float4:
    return numeric_to_float4(out, one, c);
  default:
    return numeric_to_integer(out, one, c);
  }
}

void cast_elements(datum& out, arguments a, const call_info& c) {
  std::vector<datum> items(a[0]->items.size());
  for (std::size_t i = 0; i < items.size(); ++i) {
    if (a[0]->items[i].null) continue;
    items[i] = computed(
        *cast(make_constant(c.arguments[0].element(), a[0]->items[i], 0), c.result.element()));
  }
  out.items = std::move(items);
  out.null = false;
}

void fit(datum& out, arguments a, const call_info& c) {
  const auto m = static_cast<std::int32_t>(c.parameter);
  switch (c.result.id) {
  case type_id::varchar:
    return out.set_own(fit_varchar(a[0]->text, m - 4));
  case type_id::bpchar:
    return out.set_own(fit_bpchar(a[0]->text, m - 4));
  case type_id::numeric: {
    const auto n = read_numeric_modifier(m);
    return out.set(a[0]->number.fitted(n.precision, n.scale));
  }
  case type_id::time_of_day:
  case type_id::timestamp:
  case type_id::timestamptz:
    return out.set(rounded_timestamp(a[0]->i, m));
  default:
    out.assign(*a[0]);
  }
}

bool is_moment(type_id id) {
  return id == type_id::date || id == type_id::timestamp || id == type_id::timestamptz;
}

/// The function of a cast between scalar types; null when there is none.
builtin find_cast(type_id from, type_id to) {
  using t = type_id;
  if (to == t::text || to == t::varchar || to == t::bpchar) {
    if (from == t::boolean) return boolean_to_text;
    if (from == t::bpchar) return to == t::bpchar ? same_text : bpchar_to_text;
    if (is_text(from) || from == t::opaque || from == t::uuid || from == t::json || from == t::jsonb
        || from == t::enumeration)
      return same_text;
    return through_output;
  }
  if (to == t::opaque || to == t::enumeration) return nullptr;
  if (is_text(from)) return through_input;
  if (is_integer(from)) {
    if (is_integer(to)) return integer_to_integer;
    if (to == t::numeric) return integer_to_numeric;
    if (to == t::float8) return integer_to_float8;
    if (to == t::float4) return integer_to_float4;
    return to == t::boolean && from == t::int4 ? integer_to_boolean : nullptr;
  }
  if (from == t::boolean) return to == t::int4 ? boolean_to_integer : nullptr;
  if (from == t::numeric) {
    if (is_integer(to)) return numeric_to_integer;
    return to == t::float8 ? numeric_to_float8 : to == t::float4 ? numeric_to_float4 : nullptr;
  }
  if (from == t::float4 || from == t::float8) {
    if (is_integer(to)) return float_to_integer;
    if (to == t::numeric) return from == t::float8 ? float8_to_numeric : float4_to_numeric;
    if (to == t::float8) return same_real;
    return to == t::float4 ? float8_to_float4 : nullptr;
  }
  if (to == t::time_of_day) {
    if (from == t::interval) return interval_to_time;
    return from == t::timestamp || from == t::timestamptz ? timestamp_to_time : nullptr;
  }
  if (from == t::time_of_day) return to == t::interval ? time_to_interval : nullptr;
  if (from == t::date && is_moment(to)) return date_to_timestamp;
  if (is_moment(from) && to == t::date) return timestamp_to_date;
  if (is_moment(from) && is_moment(to)) return same_integer;
  if (from == t::json && to == t::jsonb) return to_jsonb;
  if (from == t::jsonb && to == t::json) return same_text;
  if (from == t::jsonb && (is_number(to) || to == t::boolean)) return from_jsonb;
  return nullptr;
}

int rank(type_id id) {
  switch (id) {
  case type_id::int2:
    return 1;
  case type_id::int4:
    return 2;
  case type_id::int8:
    return 3;
  case type_id::numeric:
    return 4;
  case type_id::float4:
    return 5;
  case type_id::float8:
    return 6;
  default:
    return 0;
  }
}

int moment_rank(type_id id) {
  return id == type_id::date          ? 1
         : id == type_id::timestamp   ? 2
         : id == type_id::timestamptz ? 3
                                      : 0;
}

bool implicit(type_id from, type_id to) {
  if (from == to) return true;
  if (is_text(from) && is_text(to)) return true;
  if (rank(from) != 0 && rank(to) != 0) return rank(from) < rank(to);
  return moment_rank(from) != 0 && moment_rank(from) < moment_rank(to);
}

node_ptr fit_to(node_ptr n, const sql_type& to) {
  n->type.modifier = n->is_null_constant() ? to.modifier : n->type.modifier;
  if (to.modifier < 0 || n->type.modifier == to.modifier || to.array) return n;
  const int place = n->place;
  std::vector<node_ptr> one;
  one.push_back(std::move(n));
  auto out = make_call(fit, to, std::move(one), place);
  out->parameter = to.modifier;
  return out;
}

} // namespace

call_info info_of(const node& call) {
  call_info info{call.type, {}, call.parameter, call.labels};
  for (const auto& a : call.arguments) info.arguments.push_back(a->type);
  return info;
}

node_ptr make_constant(const sql_type& type, datum value, int place) {
  auto n = std::make_unique<node>();
  n->type = type;
  n->place = place;
  const bool own = !value.null && !value.own.empty() && value.text.data() == value.own.data();
  const std::string text = value.null ? std::string() : std::string(value.text);
  n->value = value;
  // What the view pointed into may go away.
  if (!value.null && !own && !text.empty()) n->value.set_own(text);
  return n;
}

node_ptr make_call(builtin run, const sql_type& result, std::vector<node_ptr> arguments, int place,
                   bool strict) {
  auto n = std::make_unique<node>();
  n->kind = node_kind::call;
  n->type = result;
  n->place = place;
  n->run = run;
  n->strict = strict;
  for (const auto& a : arguments) n->by_bytes = n->by_bytes || (a->by_bytes && is_text(result.id));
  n->arguments = std::move(arguments);
  return n;
}

bool can_cast(const sql_type& from, const sql_type& to, cast_context context) {
  if (from.same_kind(to) || from.id == type_id::unknown)
    return to.id != type_id::opaque || from.same_kind(to);
  const bool labels = from.id == type_id::enumeration || to.id == type_id::enumeration;
  if (labels) return context == cast_context::explicitly && is_text(to.id) && !to.array;
  if (from.array != to.array)
    return context == cast_context::explicitly && (from.array ? is_text(to.id) : is_text(from.id));
  if (context == cast_context::implicit) return !from.array && implicit(from.id, to.id);
  return find_cast(from.id, to.id) != nullptr;
}

node_ptr cast(node_ptr n, const sql_type& to) {
  const int place = n->place;
  const bool by_bytes = n->by_bytes;
  if (n->type.same_kind(to)) return fit_to(std::move(n), to);
  if (n->is_unknown()) {
    datum value;
    if (!n->value.null) read_value(to.plain(), n->value.text, value);
    auto out = make_constant(to.plain(), value, place);
    out->by_bytes = by_bytes;
    return fit_to(std::move(out), to);
  }
  if (n->is_null_constant()) return make_constant(to, {}, place);
  builtin run = nullptr;
  if (n->type.array && to.array)
    run = cast_elements;
  else if (n->type.array)
    run = through_output;
  else if (to.array)
    run = through_input;
  else
    run = find_cast(n->type.id, to.id);
  std::vector<node_ptr> one;
  one.push_back(std::move(n));
  return fit_to(make_call(run, to.plain(), std::move(one), place), to);
}

int distance(const sql_type& from, const sql_type& to) {
  if (from.same_kind(to)) return 0;
  if (is_text(from.id)) return 1;
  if (rank(from.id) != 0) return to.id == type_id::float8 ? 1 : 1 + rank(to.id) - rank(from.id);
  return 1 + moment_rank(to.id) - moment_rank(from.id);
}

sql_type common_type(const std::vector<sql_type>& types) {
  sql_type best;
  bool same_modifier = true;
  for (const auto& t : types) {
    if (t.id == type_id::unknown && !t.array) continue;
    if (best.id == type_id::unknown) {
      best = t;
      continue;
    }
    if (t.same_kind(best)) {
      same_modifier = same_modifier && t.modifier == best.modifier;
      continue;
    }
    same_modifier = false;
    if (can_cast(best, t, cast_context::implicit) && !can_cast(t, best, cast_context::implicit))
      best = t;
    else if (!can_cast(t, best, cast_context::implicit))
      return {type_id::opaque, false, -1};
  }
  if (best.id == type_id::unknown) return {type_id::text, false, -1};
  if (!same_modifier) best.modifier = -1;
  return best;
}

} // namespace leat::sql
