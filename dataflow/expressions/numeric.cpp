#include "dataflow/expressions/numeric.hpp"

#include <algorithm>
#include <cctype>
#include <cmath>
#include <cstdio>
#include <cstdlib>

#include "dataflow/expressions/evaluation_error.hpp"
#include "dataflow/expressions/text_format.hpp"

namespace leat::sql {

namespace {

// numeric.h and numeric.c.
constexpr int least_significant = 16;
constexpr int most_scale = 1000;
constexpr int most_result_scale = 16383;
constexpr int digits_of_group = 4;

mpz_class power_of_ten(int n) {
  mpz_class out;
  mpz_ui_pow_ui(out.get_mpz_t(), 10, static_cast<unsigned long>(std::max(n, 0)));
  return out;
}

mpz_class scaled(const mpz_class& digits, int from, int to) {
  return to <= from ? digits : mpz_class(digits * power_of_ten(to - from));
}

/// Divides and rounds half away from zero.
mpz_class divide_rounded(const mpz_class& a, const mpz_class& b) {
  mpz_class quotient, rest;
  mpz_tdiv_qr(quotient.get_mpz_t(), rest.get_mpz_t(), a.get_mpz_t(), b.get_mpz_t());
  if (::abs(rest) * 2 >= ::abs(b)) quotient += sgn(a) * sgn(b) < 0 ? -1 : 1;
  return quotient;
}

/// The first base-10000 digit of a number and its weight, as numeric.c keeps them.
struct leading_group {
  int weight = 0;
  int first = 0;
};

leading_group leading(const mpz_class& digits, int scale) {
  if (digits == 0) return {};
  const mpz_class positive = ::abs(digits);
  const std::string text = positive.get_str();
  const int exponent = static_cast<int>(text.size()) - 1 - scale;
  const int weight = exponent >= 0 ? exponent / digits_of_group
                                   : -((-exponent + digits_of_group - 1) / digits_of_group);
  const int count = exponent - weight * digits_of_group + 1;
  std::string group = text.substr(0, static_cast<std::size_t>(count));
  group.resize(static_cast<std::size_t>(count), '0');
  return {weight, std::atoi(group.c_str())};
}

/// select_div_scale().
int quotient_scale(const mpz_class& a, int a_scale, const mpz_class& b, int b_scale) {
  const auto x = leading(a, a_scale);
  const auto y = leading(b, b_scale);
  int weight = x.weight - y.weight;
  if (x.first <= y.first) --weight;
  const int wanted = std::max({least_significant - weight * digits_of_group, a_scale, b_scale, 0});
  return std::min(wanted, most_scale);
}

[[noreturn]] void bad_syntax(std::string_view text) {
  throw evaluation_error("22P02",
                         "invalid input syntax for type numeric: \"" + std::string(text) + "\"");
}

[[noreturn]] void division_by_zero() { throw evaluation_error("22012", "division by zero"); }

} // namespace

numeric numeric::of(std::int64_t n) {
  static_assert(sizeof(long) == sizeof(std::int64_t));
  return {mpz_class(static_cast<long>(n)), 0};
}

numeric numeric::special(kind k) {
  numeric out;
  out.kind_ = k;
  return out;
}

numeric numeric::of(double d) {
  if (std::isnan(d)) return special(kind::nan);
  if (std::isinf(d)) return special(d > 0 ? kind::infinity : kind::minus_infinity);
  char buffer[64];
  const int n = std::snprintf(buffer, sizeof buffer, "%.15g", d);
  return parse({buffer, static_cast<std::size_t>(n)});
}

numeric numeric::of_float(float f) {
  if (std::isnan(f) || std::isinf(f)) return of(static_cast<double>(f));
  char buffer[64];
  const int n = std::snprintf(buffer, sizeof buffer, "%.6g", static_cast<double>(f));
  return parse({buffer, static_cast<std::size_t>(n)});
}

numeric numeric::parse(std::string_view given) {
  const auto text = trimmed_spaces(given);
  std::size_t i = 0;
  bool negative = false;
  if (i < text.size() && (text[i] == '+' || text[i] == '-')) negative = text[i++] == '-';
  const auto word = lower_ascii(text.substr(i));
  if (word == "nan" && i == 0) return special(kind::nan);
  if (word == "infinity" || word == "inf")
    return special(negative ? kind::minus_infinity : kind::infinity);
  std::string digits;
  int scale = 0;
  bool point = false, any = false;
  for (; i < text.size(); ++i) {
    if (std::isdigit(static_cast<unsigned char>(text[i])) != 0) {
      digits += text[i];
      any = true;
      scale += point ? 1 : 0;
    } else if (text[i] == '.' && !point) {
      point = true;
    } else {
      break;
    }
  }
  if (!any) bad_syntax(given);
  long exponent = 0;
  if (i < text.size() && (text[i] == 'e' || text[i] == 'E')) {
    char* end = nullptr;
    const std::string rest(text.substr(i + 1));
    if (rest.empty() || std::isspace(static_cast<unsigned char>(rest[0])) != 0) bad_syntax(given);
    exponent = std::strtol(rest.c_str(), &end, 10);
    if (*end != 0) bad_syntax(given);
    i = text.size();
    if (exponent > 131072 || exponent < -most_result_scale - 131072)
      throw evaluation_error("22003", "value overflows numeric format");
  }
  if (i != text.size()) bad_syntax(given);
  mpz_class whole(digits, 10);
  if (negative) whole = -whole;
  const long left = scale - exponent;
  if (left > most_result_scale) {
    whole = divide_rounded(whole, power_of_ten(static_cast<int>(left) - most_result_scale));
    return {whole, most_result_scale};
  }
  if (left < 0) return {whole * power_of_ten(static_cast<int>(-left)), 0};
  return {whole, static_cast<int>(left)};
}

int numeric::sign() const {
  switch (kind_) {
  case kind::nan:
    return 0;
  case kind::infinity:
    return 1;
  case kind::minus_infinity:
    return -1;
  case kind::finite:
    break;
  }
  return sgn(digits_);
}

std::string numeric::text() const {
  switch (kind_) {
  case kind::nan:
    return "NaN";
  case kind::infinity:
    return "Infinity";
  case kind::minus_infinity:
    return "-Infinity";
  case kind::finite:
    break;
  }
  const mpz_class positive = ::abs(digits_);
  std::string out = positive.get_str();
  if (scale_ > 0) {
    const auto after = static_cast<std::size_t>(scale_);
    if (out.size() <= after) out.insert(0, after + 1 - out.size(), '0');
    out.insert(out.size() - after, ".");
  }
  return digits_ < 0 ? "-" + out : out;
}

double numeric::to_double() const {
  switch (kind_) {
  case kind::nan:
    return std::nan("");
  case kind::infinity:
    return HUGE_VAL;
  case kind::minus_infinity:
    return -HUGE_VAL;
  case kind::finite:
    break;
  }
  return parse_double(text());
}

std::int64_t numeric::to_integer(std::int64_t least, std::int64_t most, const char* type) const {
  if (kind_ != kind::finite)
    throw evaluation_error("0A000", std::string("cannot convert ") + (is_nan() ? "NaN" : "infinity")
                                        + " to " + type);
  const mpz_class whole = rounded(0).digits_;
  if (whole < mpz_class(static_cast<long>(least)) || whole > mpz_class(static_cast<long>(most)))
    throw evaluation_error("22003", std::string(type) + " out of range");
  return whole.get_si();
}

int numeric::compare(const numeric& other) const {
  // NaN is above infinity.
  const auto rank = [](const numeric& n) { return n.is_nan() ? 2 : n.is_finite() ? 0 : n.sign(); };
  const int a = rank(*this), b = rank(other);
  if (a != b || a != 0) return a < b ? -1 : a > b ? 1 : 0;
  const int scale = std::max(scale_, other.scale_);
  const int c = cmp(scaled(digits_, scale_, scale), scaled(other.digits_, other.scale_, scale));
  return c < 0 ? -1 : c > 0 ? 1 : 0;
}

numeric numeric::operator-() const {
  numeric out = *this;
  out.digits_ = -out.digits_;
  if (kind_ == kind::infinity) out.kind_ = kind::minus_infinity;
  if (kind_ == kind::minus_infinity) out.kind_ = kind::infinity;
  return out;
}

numeric numeric::abs() const { return sign() < 0 ? -*this : *this; }

numeric numeric::operator+(const numeric& b) const {
  if (is_finite() && b.is_finite()) {
    const int scale = std::max(scale_, b.scale_);
    return {scaled(digits_, scale_, scale) + scaled(b.digits_, b.scale_, scale), scale};
  }
  if (is_nan() || b.is_nan()) return special(kind::nan);
  if (is_finite()) return b;
  if (b.is_finite() || kind_ == b.kind_) return *this;
  return special(kind::nan);
}

numeric numeric::operator-(const numeric& b) const { return *this + -b; }

numeric numeric::operator*(const numeric& b) const {
  if (is_finite() && b.is_finite()) {
    const int scale = scale_ + b.scale_;
    numeric out{digits_ * b.digits_, scale};
    return scale > most_result_scale ? out.rounded(most_result_scale) : out;
  }
  if (is_nan() || b.is_nan() || sign() == 0 || b.sign() == 0) return special(kind::nan);
  return special(sign() * b.sign() > 0 ? kind::infinity : kind::minus_infinity);
}

numeric numeric::operator/(const numeric& b) const {
  if (is_nan() || b.is_nan()) return special(kind::nan);
  if (!is_finite()) {
    if (!b.is_finite()) return special(kind::nan);
    if (b.sign() == 0) division_by_zero();
    return special(sign() * b.sign() > 0 ? kind::infinity : kind::minus_infinity);
  }
  if (!b.is_finite()) return numeric{};
  if (b.digits_ == 0) division_by_zero();
  const int scale = quotient_scale(digits_, scale_, b.digits_, b.scale_);
  const int shift = scale + b.scale_ - scale_;
  if (shift >= 0) return {divide_rounded(digits_ * power_of_ten(shift), b.digits_), scale};
  return {divide_rounded(digits_, b.digits_ * power_of_ten(-shift)), scale};
}

numeric numeric::operator%(const numeric& b) const {
  if (is_nan() || b.is_nan()) return special(kind::nan);
  if (!is_finite()) {
    if (b.sign() == 0) division_by_zero();
    return special(kind::nan);
  }
  if (!b.is_finite()) return *this;
  if (b.digits_ == 0) division_by_zero();
  const int scale = std::max(scale_, b.scale_);
  return {scaled(digits_, scale_, scale) % scaled(b.digits_, b.scale_, scale), scale};
}

numeric numeric::rounded(int scale) const {
  if (!is_finite()) return *this;
  if (scale >= scale_) return {scaled(digits_, scale_, scale), scale};
  const mpz_class kept = divide_rounded(digits_, power_of_ten(scale_ - scale));
  return scale >= 0 ? numeric{kept, scale} : numeric{kept * power_of_ten(-scale), 0};
}

numeric numeric::truncated(int scale) const {
  if (!is_finite()) return *this;
  if (scale >= scale_) return {scaled(digits_, scale_, scale), scale};
  const mpz_class kept = digits_ / power_of_ten(scale_ - scale);
  return scale >= 0 ? numeric{kept, scale} : numeric{kept * power_of_ten(-scale), 0};
}

numeric numeric::ceiling() const {
  if (!is_finite()) return *this;
  mpz_class out;
  mpz_cdiv_q(out.get_mpz_t(), digits_.get_mpz_t(), power_of_ten(scale_).get_mpz_t());
  return {out, 0};
}

numeric numeric::floored() const {
  if (!is_finite()) return *this;
  mpz_class out;
  mpz_fdiv_q(out.get_mpz_t(), digits_.get_mpz_t(), power_of_ten(scale_).get_mpz_t());
  return {out, 0};
}

numeric numeric::fitted(int precision, int scale) const {
  if (is_nan()) return *this;
  if (!is_finite()) throw evaluation_error("22003", "numeric field overflow");
  numeric out = rounded(scale);
  // |value| < 10^(precision - scale)
  const mpz_class limit = power_of_ten(precision - scale + std::max(out.scale_, 0));
  if (precision - scale + out.scale_ < 0 ? out.digits_ != 0 : ::abs(out.digits_) >= limit)
    throw evaluation_error("22003", "numeric field overflow");
  return out;
}

} // namespace leat::sql
