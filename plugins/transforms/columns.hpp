#pragma once

#include <string>
#include <vector>

#include "dataflow/transform.hpp"

namespace leat::transforms {

/// The texts that the file gives for an option; none when it does not.
std::vector<std::string> texts_of(const transform_options&, const std::string& option);
/// The one text; empty when it does not.
std::string text_of(const transform_options&, const std::string& option);

/// The index of a column that an option names. Throws leat::error of kind usage with the nearest
/// name.
std::uint16_t find_column(const table_schema&, const std::string& name, const std::string& option);
std::vector<std::uint16_t> find_columns(const table_schema&, const std::vector<std::string>& names,
                                        const std::string& option);

/// What passes every row on.
transform_output passing_on(const transform_input&);
/// The output with some columns made anew under their names: text.
transform_output with_texts(const transform_input&, const std::vector<std::uint16_t>& columns);

/// A transform that makes a value of a value, in some columns, whatever the row.
class value_transform : public transform {
 public:
  explicit value_transform(std::vector<std::uint16_t> columns) : columns_(std::move(columns)) {}
  void apply(batch&) final;

 private:
  /// `out` is empty.
  virtual void make(std::string_view value, std::string& out) = 0;

  std::vector<std::uint16_t> columns_;
  std::string in_;
  std::string out_;
};

/// ", " between them.
std::string joined(const std::vector<std::string>&);

} // namespace leat::transforms
