#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "plugins/starrocks/label_sequence.hpp"
#include "plugins/starrocks/load_piece.hpp"

namespace leat::starrocks {

/// A row that the server refuses.
struct refused_row {
  std::size_t row = 0; ///< of its piece
  std::string reason;
};

/// Finds the rows that the server refuses for what they hold: loads them into a transaction of the
/// table alone, prepares it, which checks them, and rolls it back. A piece that is refused is
/// halved, so that a row is sent at most log2 of its piece's rows, and once more.
class row_sieve {
 public:
  row_sieve(label_sequence& labels, load_compression codec) : labels_(labels), codec_(codec) {}

  /// In order. The piece has letters.
  std::vector<refused_row> sift(const std::string& table, const load_piece&);

 private:
  void sift(const std::string& table, const load_piece&, std::size_t from, std::size_t to,
            std::vector<refused_row>&);
  /// Why the server refuses these rows; nothing when it takes them.
  std::optional<std::string> refusal(const std::string& table, const load_piece&, std::size_t from,
                                     std::size_t to);

  label_sequence& labels_;
  load_compression codec_;
};

} // namespace leat::starrocks
