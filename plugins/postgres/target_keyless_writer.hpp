#pragma once

#include <optional>
#include <string>
#include <vector>

#include "plugins/postgres/change_buffer.hpp"
#include "plugins/postgres/target_writer.hpp"

namespace leat::postgres {

/// Mode upsert without a key: rows are found by all of their columns, and exactly one is changed.
/// Nothing is folded, because equal rows are not one row.
///
/// The rows of a snapshot again, and their changes, gather in a side table until it is finished, so
/// that the old ones stay readable; no change touches those, since it follows its rows (R5.7).
class target_keyless_writer : public target_writer {
 public:
  target_keyless_writer(target_transaction&, route_ptr, const std::string& default_schema);

  void write(const batch_ptr& rows, std::span<const std::uint32_t> changes) override;
  std::size_t buffered() const override { return buffer_.bytes(); }
  void flush() override;
  void begin_snapshot(std::uint32_t) override;
  void finish_snapshot(std::uint32_t) override;
  void give_up_snapshot(std::uint32_t) override;

 protected:
  void reshaped() override;
  void write_begun(std::uint32_t generation, bool interrupted) override;

 private:
  using parameters = std::vector<std::optional<std::string>>;

  void apply(const batch&, const change&);
  void copy_run(const change_buffer::part&, std::size_t first, std::size_t last);
  void change_one(std::string sql, const parameters&);
  void add_row(parameters&, const batch&, std::span<const cell> row,
               std::span<const cell> filler) const;
  std::span<const cell> whole_old_row(const batch&, const change&) const;

  change_buffer buffer_;
  std::string fresh_; ///< quoted; the side table
  bool gathering_ = false;
  table_shape written_; ///< of the table that changes go to
};

} // namespace leat::postgres
