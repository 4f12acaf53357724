#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace leat::postgres {

/// Rows in the text format of COPY, into a string that the caller sends and clears.
class copy_rows {
 public:
  void add(std::string_view);
  void add_null();
  void end_row();

  std::string& text() { return text_; }

 private:
  void separate();

  std::string text_;
  bool first_ = true;
};

} // namespace leat::postgres
