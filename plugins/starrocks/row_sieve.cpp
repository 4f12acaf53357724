#include "plugins/starrocks/row_sieve.hpp"

#include "plugins/starrocks/compress.hpp"
#include "plugins/starrocks/errors.hpp"

namespace leat::starrocks {

std::vector<refused_row> row_sieve::sift(const std::string& table, const load_piece& piece) {
  std::vector<refused_row> refused;
  if (!piece.ends.empty()) sift(table, piece, 0, piece.ends.size(), refused);
  return refused;
}

void row_sieve::sift(const std::string& table, const load_piece& piece, std::size_t from,
                     std::size_t to, std::vector<refused_row>& out) {
  const auto reason = refusal(table, piece, from, to);
  if (!reason) return;
  if (to - from == 1) return out.push_back({from, *reason});
  const auto middle = from + (to - from) / 2;
  sift(table, piece, from, middle, out);
  sift(table, piece, middle, to, out);
}

std::optional<std::string> row_sieve::refusal(const std::string& table, const load_piece& piece,
                                              std::size_t from, std::size_t to) {
  auto trial = labels_.begin();
  std::optional<std::string> reason;
  try {
    trial.load(table, compressed_headers(piece.headers, codec_),
               compress(codec_, piece.part(from, to)));
    trial.prepare();
  } catch (const row_error& e) {
    reason = e.reason();
  }
  trial.roll_back();
  return reason;
}

} // namespace leat::starrocks
