#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "dataflow/expressions/datetime.hpp"
#include "dataflow/expressions/numeric.hpp"
#include "dataflow/expressions/type.hpp"

namespace leat::sql {

/// One value while a row is evaluated; which member counts is the static type's matter. `text`
/// points into the row's batch, into a constant, or into `own`, so a datum is copied with assign()
/// only.
struct datum {
  bool null = true;
  std::int64_t i = 0;    ///< boolean, integers, date, time, timestamps
  double f = 0;          ///< float8; float4 widened
  std::string_view text; ///< texts, bytea (raw), uuid, json, jsonb (as text), labels, opaque
  interval_value span;
  numeric number;
  std::vector<datum> items; ///< of an array
  std::string own;

  datum() = default;
  datum(const datum& other) { assign(other); }
  datum& operator=(const datum& other) {
    assign(other);
    return *this;
  }
  datum(datum&& other) noexcept { assign(other); }
  datum& operator=(datum&& other) noexcept {
    assign(other);
    return *this;
  }
  ~datum() = default;

  bool truth() const { return i != 0; }
  void set_null() { null = true; }
  void set(std::int64_t n) { null = false, i = n; }
  void set_real(double d) { null = false, f = d; }
  void set(numeric n) { null = false, number = std::move(n); }
  void set(const interval_value& v) { null = false, span = v; }
  /// The bytes must live as long as the row.
  void set_view(std::string_view t) { null = false, text = t; }
  void set_own(std::string t) {
    own = std::move(t);
    null = false;
    text = own;
  }
  /// `text` is `own` as it stands now.
  void set_built() { null = false, text = own; }

  void assign(const datum& other) {
    if (this == &other) return;
    null = other.null;
    if (null) return;
    i = other.i;
    f = other.f;
    span = other.span;
    if (other.number.what() != numeric::kind::finite || other.number.sign() != 0
        || other.number.scale() != 0 || number.scale() != 0 || number.sign() != 0
        || !number.is_finite())
      number = other.number;
    items = other.items;
    if (!other.own.empty() && other.text.data() == other.own.data()) {
      own.assign(other.text);
      text = own;
    } else {
      text = other.text;
    }
  }
};

/// Reads a value's text as PostgreSQL's input function does: of a cell, or of a literal. The datum
/// may point into `text`. Throws evaluation_error.
void read_value(const sql_type&, std::string_view text, datum& out);

/// Appends the value as PostgreSQL prints it. Not for NULL.
void print_value(const sql_type&, const datum&, std::string& out);

/// -1, 0, 1 of two values of one type; texts by bytes (COLLATE "C").
int compare_values(const sql_type&, const datum&, const datum&);

} // namespace leat::sql
