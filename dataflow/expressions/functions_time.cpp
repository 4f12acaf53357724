#include <cmath>

#include "dataflow/expressions/evaluation_error.hpp"
#include "dataflow/expressions/functions.hpp"
#include "dataflow/expressions/time_fields.hpp"

namespace leat::sql {

namespace {

using arguments = const datum* const*;

std::int64_t shifted(std::int64_t date, std::int64_t days) {
  if (!is_finite_date(date)) return date;
  const auto out = date + days;
  if (out < -2'451'545 || out >= 2'145'031'949)
    throw evaluation_error("22008", "date out of range");
  return out;
}

void date_plus_days(datum& out, arguments a, const call_info&) {
  out.set(shifted(a[0]->i, a[1]->i));
}
void days_plus_date(datum& out, arguments a, const call_info&) {
  out.set(shifted(a[1]->i, a[0]->i));
}
void date_minus_days(datum& out, arguments a, const call_info&) {
  out.set(shifted(a[0]->i, -a[1]->i));
}
void date_minus_date(datum& out, arguments a, const call_info&) {
  if (!is_finite_date(a[0]->i) || !is_finite_date(a[1]->i))
    throw evaluation_error("22008", "cannot subtract infinite dates");
  out.set(a[0]->i - a[1]->i);
}

/// Dates are made timestamps by the function's parameter types.
void moment_plus(datum& out, arguments a, const call_info&) {
  out.set(add_interval(a[0]->i, a[1]->span));
}
void plus_moment(datum& out, arguments a, const call_info&) {
  out.set(add_interval(a[1]->i, a[0]->span));
}
void moment_minus(datum& out, arguments a, const call_info&) {
  out.set(add_interval(a[0]->i, negated(a[1]->span)));
}
void date_plus(datum& out, arguments a, const call_info&) {
  out.set(add_interval(timestamp_of_date(a[0]->i), a[1]->span));
}
void plus_date(datum& out, arguments a, const call_info&) {
  out.set(add_interval(timestamp_of_date(a[1]->i), a[0]->span));
}
void date_minus(datum& out, arguments a, const call_info&) {
  out.set(add_interval(timestamp_of_date(a[0]->i), negated(a[1]->span)));
}
void moment_difference(datum& out, arguments a, const call_info&) {
  out.set(difference(a[0]->i, a[1]->i));
}

void span_plus(datum& out, arguments a, const call_info&) { out.set(sum(a[0]->span, a[1]->span)); }
void span_minus(datum& out, arguments a, const call_info&) {
  out.set(sum(a[0]->span, negated(a[1]->span)));
}
void span_negate(datum& out, arguments a, const call_info&) { out.set(negated(a[0]->span)); }
void span_times(datum& out, arguments a, const call_info&) {
  out.set(multiplied(a[0]->span, a[1]->f));
}
void times_span(datum& out, arguments a, const call_info&) {
  out.set(multiplied(a[1]->span, a[0]->f));
}
void span_divide(datum& out, arguments a, const call_info&) {
  out.set(divided(a[0]->span, a[1]->f));
}

void extract_date(datum& out, arguments a, const call_info&) {
  give_date_field(out, a[0]->text, a[1]->i);
}
void extract_timestamp(datum& out, arguments a, const call_info& c) {
  give_timestamp_field(out, a[0]->text, a[1]->i, c.arguments[1].id == type_id::timestamptz);
}
void extract_interval(datum& out, arguments a, const call_info&) {
  give_interval_field(out, a[0]->text, a[1]->span);
}
void trunc_timestamp(datum& out, arguments a, const call_info& c) {
  out.set(truncated_timestamp(a[0]->text, a[1]->i, c.arguments[1].id == type_id::timestamptz));
}

void from_seconds(datum& out, arguments a, const call_info&) {
  const double seconds = a[0]->f;
  if (std::isnan(seconds)) throw evaluation_error("22008", "timestamp cannot be NaN");
  if (std::isinf(seconds)) return out.set(seconds > 0 ? after_all : before_all);
  // timestamp.c: seconds since 1970 become ones since 2000, then microseconds.
  const double since = seconds - 10957.0 * 86400.0;
  const double t = std::rint(since * 1e6);
  if (seconds < -210866803200.0 || seconds >= 9224318016000.0 || t < -211'813'488'000'000'000.0
      || t >= 9.2233713312e18)
    throw evaluation_error("22008", "timestamp out of range");
  out.set(static_cast<std::int64_t>(t));
}

} // namespace

std::vector<function> time_functions() {
  const auto d = scalar(type_id::date), s = scalar(type_id::timestamp),
             z = scalar(type_id::timestamptz), v = scalar(type_id::interval);
  const auto i = scalar(type_id::int4), f = scalar(type_id::float8), t = scalar(type_id::text),
             n = scalar(type_id::numeric);
  std::vector<function> out = {
      {"+", {d, i}, d, date_plus_days},
      {"+", {i, d}, d, days_plus_date},
      {"-", {d, i}, d, date_minus_days},
      {"-", {d, d}, i, date_minus_date},
      {"+", {d, v}, s, date_plus},
      {"+", {v, d}, s, plus_date},
      {"-", {d, v}, s, date_minus},
      {"+", {v, v}, v, span_plus},
      {"-", {v, v}, v, span_minus},
      {"-", {v}, v, span_negate},
      {"*", {v, f}, v, span_times},
      {"*", {f, v}, v, times_span},
      {"/", {v, f}, v, span_divide},
      {"extract", {t, d}, n, extract_date},
      {"extract", {t, v}, n, extract_interval},
      {"to_timestamp", {f}, z, from_seconds},
  };
  for (const auto& m : {s, z}) {
    out.push_back({"+", {m, v}, m, moment_plus});
    out.push_back({"+", {v, m}, m, plus_moment});
    out.push_back({"-", {m, v}, m, moment_minus});
    out.push_back({"-", {m, m}, v, moment_difference});
    out.push_back({"extract", {t, m}, n, extract_timestamp});
    out.push_back({"date_trunc", {t, m}, m, trunc_timestamp});
  }
  return out;
}

} // namespace leat::sql
