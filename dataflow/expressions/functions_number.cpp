#include <cmath>
#include <limits>

#include "dataflow/expressions/evaluation_error.hpp"
#include "dataflow/expressions/functions.hpp"

namespace leat::sql {

namespace {

using arguments = const datum* const*;

[[noreturn]] void integer_range(const char* type) {
  throw evaluation_error("22003", std::string(type) + " out of range");
}
[[noreturn]] void division_by_zero() { throw evaluation_error("22012", "division by zero"); }

template <class T>
constexpr const char* integer_name = sizeof(T) == 2   ? "smallint"
                                     : sizeof(T) == 4 ? "integer"
                                                      : "bigint";

struct plus {
  template <class T>
  static bool overflows(T a, T b, T* out) {
    return __builtin_add_overflow(a, b, out);
  }
  static double real(double a, double b) { return a + b; }
  static numeric exact(const numeric& a, const numeric& b) { return a + b; }
};
struct minus {
  template <class T>
  static bool overflows(T a, T b, T* out) {
    return __builtin_sub_overflow(a, b, out);
  }
  static double real(double a, double b) { return a - b; }
  static numeric exact(const numeric& a, const numeric& b) { return a - b; }
};
struct times {
  template <class T>
  static bool overflows(T a, T b, T* out) {
    return __builtin_mul_overflow(a, b, out);
  }
  static double real(double a, double b) { return a * b; }
  static numeric exact(const numeric& a, const numeric& b) { return a * b; }
};

template <class T, class Op>
void integer_op(datum& out, arguments a, const call_info&) {
  T value = 0;
  if (Op::overflows(static_cast<T>(a[0]->i), static_cast<T>(a[1]->i), &value))
    integer_range(integer_name<T>);
  out.set(value);
}

template <class T>
void integer_divide(datum& out, arguments a, const call_info&) {
  if (a[1]->i == 0) division_by_zero();
  if (a[1]->i == -1 && a[0]->i == std::numeric_limits<T>::min()) integer_range(integer_name<T>);
  out.set(a[0]->i / a[1]->i);
}

void integer_modulo(datum& out, arguments a, const call_info&) {
  if (a[1]->i == 0) division_by_zero();
  out.set(a[1]->i == -1 ? 0 : a[0]->i % a[1]->i);
}

template <class T>
void integer_negate(datum& out, arguments a, const call_info&) {
  if (a[0]->i == std::numeric_limits<T>::min()) integer_range(integer_name<T>);
  out.set(-a[0]->i);
}

template <class T>
void integer_abs(datum& out, arguments a, const call_info&) {
  if (a[0]->i == std::numeric_limits<T>::min()) integer_range(integer_name<T>);
  out.set(a[0]->i < 0 ? -a[0]->i : a[0]->i);
}

void overflow() { throw evaluation_error("22003", "value out of range: overflow"); }
void underflow() { throw evaluation_error("22003", "value out of range: underflow"); }

template <class T>
double narrow(double v) {
  return static_cast<double>(static_cast<T>(v));
}

template <class T, class Op>
void real_op(datum& out, arguments a, const call_info&) {
  const double x = a[0]->f, y = a[1]->f;
  const double value =
      static_cast<double>(static_cast<T>(Op::real(static_cast<T>(x), static_cast<T>(y))));
  if (std::isinf(value) && !std::isinf(x) && !std::isinf(y)) overflow();
  if constexpr (std::is_same_v<Op, times>)
    if (value == 0 && x != 0 && y != 0) underflow();
  out.set_real(value);
}

template <class T>
void real_divide(datum& out, arguments a, const call_info&) {
  const double x = a[0]->f, y = a[1]->f;
  if (y == 0 && !std::isnan(x)) division_by_zero();
  const double value = narrow<T>(x / y);
  if (std::isinf(value) && !std::isinf(x)) overflow();
  if (value == 0 && x != 0 && !std::isinf(y)) underflow();
  out.set_real(value);
}

void real_negate(datum& out, arguments a, const call_info&) { out.set_real(-a[0]->f); }
void real_abs(datum& out, arguments a, const call_info&) { out.set_real(std::fabs(a[0]->f)); }
void real_round(datum& out, arguments a, const call_info&) { out.set_real(std::rint(a[0]->f)); }
void real_trunc(datum& out, arguments a, const call_info&) { out.set_real(std::trunc(a[0]->f)); }
void real_ceil(datum& out, arguments a, const call_info&) { out.set_real(std::ceil(a[0]->f)); }
void real_floor(datum& out, arguments a, const call_info&) { out.set_real(std::floor(a[0]->f)); }
void real_sign(datum& out, arguments a, const call_info&) {
  out.set_real(a[0]->f > 0 ? 1 : a[0]->f < 0 ? -1 : 0);
}

template <class Op>
void numeric_op(datum& out, arguments a, const call_info&) {
  out.set(Op::exact(a[0]->number, a[1]->number));
}
void numeric_divide(datum& out, arguments a, const call_info&) {
  out.set(a[0]->number / a[1]->number);
}
void numeric_modulo(datum& out, arguments a, const call_info&) {
  out.set(a[0]->number % a[1]->number);
}
void numeric_negate(datum& out, arguments a, const call_info&) { out.set(-a[0]->number); }
void numeric_abs(datum& out, arguments a, const call_info&) { out.set(a[0]->number.abs()); }
void numeric_ceil(datum& out, arguments a, const call_info&) { out.set(a[0]->number.ceiling()); }
void numeric_floor(datum& out, arguments a, const call_info&) { out.set(a[0]->number.floored()); }
void numeric_round0(datum& out, arguments a, const call_info&) { out.set(a[0]->number.rounded(0)); }
void numeric_trunc0(datum& out, arguments a, const call_info&) {
  out.set(a[0]->number.truncated(0));
}
int scale_of(const datum& d) {
  return static_cast<int>(std::clamp<std::int64_t>(d.i, -2000, 2000));
}
void numeric_round(datum& out, arguments a, const call_info&) {
  out.set(a[0]->number.rounded(scale_of(*a[1])));
}
void numeric_trunc(datum& out, arguments a, const call_info&) {
  out.set(a[0]->number.truncated(scale_of(*a[1])));
}
void numeric_sign(datum& out, arguments a, const call_info&) {
  if (a[0]->number.is_nan()) return out.set(a[0]->number);
  out.set(numeric::of(std::int64_t{a[0]->number.sign()}));
}
void same(datum& out, arguments a, const call_info&) { out.assign(*a[0]); }

template <class T>
void add_integers(std::vector<function>& out, type_id id) {
  const auto t = scalar(id);
  out.push_back({"+", {t, t}, t, integer_op<T, plus>});
  out.push_back({"-", {t, t}, t, integer_op<T, minus>});
  out.push_back({"*", {t, t}, t, integer_op<T, times>});
  out.push_back({"/", {t, t}, t, integer_divide<T>});
  out.push_back({"%", {t, t}, t, integer_modulo});
  out.push_back({"mod", {t, t}, t, integer_modulo});
  out.push_back({"-", {t}, t, integer_negate<T>});
  out.push_back({"+", {t}, t, same});
  out.push_back({"abs", {t}, t, integer_abs<T>});
}

template <class T>
void add_reals(std::vector<function>& out, type_id id) {
  const auto t = scalar(id);
  out.push_back({"+", {t, t}, t, real_op<T, plus>});
  out.push_back({"-", {t, t}, t, real_op<T, minus>});
  out.push_back({"*", {t, t}, t, real_op<T, times>});
  out.push_back({"/", {t, t}, t, real_divide<T>});
  out.push_back({"-", {t}, t, real_negate});
  out.push_back({"+", {t}, t, same});
  out.push_back({"abs", {t}, t, real_abs});
}

} // namespace

std::vector<function> number_functions() {
  std::vector<function> out;
  add_integers<std::int16_t>(out, type_id::int2);
  add_integers<std::int32_t>(out, type_id::int4);
  add_integers<std::int64_t>(out, type_id::int8);
  add_reals<float>(out, type_id::float4);
  add_reals<double>(out, type_id::float8);
  const auto n = scalar(type_id::numeric), d = scalar(type_id::float8), i = scalar(type_id::int4);
  out.push_back({"+", {n, n}, n, numeric_op<plus>});
  out.push_back({"-", {n, n}, n, numeric_op<minus>});
  out.push_back({"*", {n, n}, n, numeric_op<times>});
  out.push_back({"/", {n, n}, n, numeric_divide});
  out.push_back({"%", {n, n}, n, numeric_modulo});
  out.push_back({"mod", {n, n}, n, numeric_modulo});
  out.push_back({"-", {n}, n, numeric_negate});
  out.push_back({"+", {n}, n, same});
  out.push_back({"abs", {n}, n, numeric_abs});
  out.push_back({"round", {n}, n, numeric_round0});
  out.push_back({"round", {n, i}, n, numeric_round});
  out.push_back({"round", {d}, d, real_round});
  out.push_back({"trunc", {n}, n, numeric_trunc0});
  out.push_back({"trunc", {n, i}, n, numeric_trunc});
  out.push_back({"trunc", {d}, d, real_trunc});
  for (const auto* name : {"ceil", "ceiling"}) {
    out.push_back({name, {n}, n, numeric_ceil});
    out.push_back({name, {d}, d, real_ceil});
  }
  out.push_back({"floor", {n}, n, numeric_floor});
  out.push_back({"floor", {d}, d, real_floor});
  out.push_back({"sign", {n}, n, numeric_sign});
  out.push_back({"sign", {d}, d, real_sign});
  return out;
}

} // namespace leat::sql
