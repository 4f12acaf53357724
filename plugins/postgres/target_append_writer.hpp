#pragma once

#include "plugins/postgres/change_buffer.hpp"
#include "plugins/postgres/target_writer.hpp"

namespace leat::postgres {

/// Mode append (R11): every change is one row, by COPY.
class target_append_writer : public target_writer {
 public:
  target_append_writer(target_transaction&, route_ptr, const std::string& default_schema);

  void write(const batch_ptr& rows, std::span<const std::uint32_t> changes) override;
  std::size_t buffered() const override { return buffer_.bytes(); }
  void flush() override;
  void begin_snapshot(std::uint32_t generation) override {
    if (lost()) note_begun(generation);
  }
  void finish_snapshot(std::uint32_t) override {}

 protected:
  void reshaped() override {}

 private:
  void add_row(copy_rows&, const batch&, const change&) const;

  change_buffer buffer_;
};

/// `2024-02-29 12:34:56.789+00` of microseconds since 2000-01-01 UTC.
std::string timestamp_text(std::int64_t microseconds);
/// `{"a","b"}`
std::string array_text(std::span<const std::string_view>);

} // namespace leat::postgres
