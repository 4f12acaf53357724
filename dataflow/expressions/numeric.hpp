#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include <gmpxx.h>

namespace leat::sql {

/// PostgreSQL's numeric: an exact decimal with the number of digits that it shows after the point,
/// NaN or an infinity. Operations give PostgreSQL's values and scales, and throw evaluation_error
/// where it does. GMP's integers carry the digits: no decimal library of the distribution has
/// PostgreSQL's scales, and with integers the rules are a few lines each.
class numeric {
 public:
  enum class kind : std::uint8_t { finite, nan, infinity, minus_infinity };

  numeric() = default;
  numeric(mpz_class digits, int scale) : digits_(std::move(digits)), scale_(scale) {}
  static numeric of(std::int64_t);
  static numeric of(double);      ///< 15 significant digits, as the cast does
  static numeric of_float(float); ///< 6
  static numeric special(kind k);
  /// Throws: invalid input syntax for type numeric.
  static numeric parse(std::string_view);

  kind what() const { return kind_; }
  bool is_finite() const { return kind_ == kind::finite; }
  bool is_nan() const { return kind_ == kind::nan; }
  int scale() const { return scale_; }
  int sign() const; ///< -1, 0, 1; of NaN 0

  std::string text() const;
  double to_double() const;
  /// Rounded half away from zero; throws `<type> out of range`.
  std::int64_t to_integer(std::int64_t least, std::int64_t most, const char* type) const;

  /// NaN is equal to itself and above everything.
  int compare(const numeric&) const;

  numeric operator-() const;
  numeric operator+(const numeric&) const;
  numeric operator-(const numeric&) const;
  numeric operator*(const numeric&) const;
  numeric operator/(const numeric&) const;
  numeric operator%(const numeric&) const;
  numeric abs() const;
  numeric rounded(int scale) const; ///< round(x, scale): the scale may be negative
  numeric truncated(int scale) const;
  numeric ceiling() const;
  numeric floored() const;
  /// As stored in numeric(precision, scale); throws numeric field overflow.
  numeric fitted(int precision, int scale) const;

 private:
  kind kind_ = kind::finite;
  mpz_class digits_; ///< value * 10^scale
  int scale_ = 0;
};

} // namespace leat::sql
