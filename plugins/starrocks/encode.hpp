#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "plugins/starrocks/values.hpp"

namespace leat::starrocks {

/// A column of a load.
struct load_column {
  std::string name;
  column_type type;
  bool nullable = true; ///< at the target; on_value = "null" writes no NULL where it is not
  bool key = false;     ///< on_value = "clamp" would make one row of two
};

enum class row_op : std::uint8_t { upsert = 0, remove = 1 };

/// Builds the body of load requests, row by row: a JSON array of objects, or CSV. Rows of one body
/// have the same columns; a column that a row does not set is NULL.
///
///     rows.begin(row_op::upsert); rows.value(0, "1"); rows.null(1); rows.end();
class row_encoder {
 public:
  /// `with_op`: rows say whether they are upserts or deletes.
  row_encoder(std::vector<load_column>, load_format, value_policies, bool with_op);

  void begin(row_op);
  /// A value as PostgreSQL prints it. What is wrong with it, when the policy is to stop (the row
  /// must be dropped then); empty when nothing is.
  std::string_view value(std::size_t column, std::string_view text);
  /// The same of a value as StarRocks printed it: CSV cannot carry each.
  std::string_view printed(std::size_t column, std::string_view text);
  void null(std::size_t column);
  /// A value that StarRocks takes for any column and that a delete needs where NULL is not allowed.
  void placeholder(std::size_t column);
  void end();
  /// Forgets the row that was begun.
  void drop();

  /// From now on, where each row ends in the body is kept for take_ends().
  void keep_ends() { keeps_ends_ = true; }
  std::vector<std::uint32_t> take_ends() { return std::exchange(ends_, {}); }

  std::size_t rows() const { return rows_; }
  std::size_t bytes() const { return body_.size(); }
  bool empty() const { return rows_ == 0; }
  /// The whole body, which ends with a delimiter; empties the encoder.
  std::string take();

  /// Headers that every load of these columns needs: format, columns, separators.
  std::vector<std::pair<std::string, std::string>> headers() const;

  const std::vector<load_column>& columns() const { return columns_; }

 private:
  std::string temporary(std::size_t column) const;
  void open_cell(std::size_t column);
  std::string_view close_cell();
  std::string_view apply(value_policy, const load_column&, std::string_view text, misfit_kind);
  std::string columns_header() const;

  std::vector<load_column> columns_;
  std::vector<std::string> labels_; ///< `,"name":` of each column
  load_format format_;
  value_policies policies_;
  bool with_op_;
  bool has_bytes_ = false;
  std::string body_;
  std::string cell_;          ///< CSV: the JSON form of a cell
  std::size_t row_start_ = 0; ///< in body_
  std::size_t next_ = 0;      ///< column that the next cell is of
  std::size_t rows_ = 0;
  std::size_t last_bytes_ = 0; ///< of the body before, and some more
  row_op op_ = row_op::upsert;
  bool keeps_ends_ = false;
  std::vector<std::uint32_t> ends_;
};

/// Names are one to StarRocks when they differ by case alone.
bool same_column(std::string_view, std::string_view);

/// `name` in backticks.
std::string quote_identifier(std::string_view name);

} // namespace leat::starrocks
