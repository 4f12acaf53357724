#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace leat::postgres {

/// A one-dimensional text[] in the server's binary format (array_recv in arrayfuncs.c): one column
/// of many rows as one parameter. Built without parsing or quoting a value.
class text_array {
 public:
  text_array();

  void add(std::string_view);
  void add_null();
  void clear();

  std::size_t size() const { return size_; }
  std::size_t bytes() const { return encoded_.size(); }

  /// The parameter's bytes; valid until the next change.
  const std::string& encoded();

 private:
  std::string encoded_;
  std::uint32_t size_ = 0;
  bool has_null_ = false;
};

} // namespace leat::postgres
