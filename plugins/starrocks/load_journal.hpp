#pragma once

#include <memory>
#include <optional>
#include <string>

#include "dataflow/spill.hpp"
#include "plugins/starrocks/load_piece.hpp"

namespace leat::starrocks {

/// What an open transaction was sent, in the spill area, so that it can be sent again without the
/// rows that the server refuses. First in, first out, each piece read once.
class load_journal {
 public:
  explicit load_journal(spill_area& area) : area_(&area) {}

  void append(const std::string& table, const load_piece& piece) {
    if (!file_) file_.emplace(area_->create());
    file_->append(pack(table, piece));
  }
  /// The next piece, and its table; nothing at the end.
  std::optional<std::string> next(load_piece& piece) {
    if (!file_) return std::nullopt;
    const auto record = file_->next();
    return record ? std::optional(unpack(*record, piece)) : std::nullopt;
  }
  void clear() { file_.reset(); }

 private:
  spill_area* area_;
  std::optional<spill_file> file_;
};

} // namespace leat::starrocks
