#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "plugins/starrocks/load_api.hpp"

namespace leat::starrocks {

/// Rows of one table on their way: what a load request holds.
struct load_piece {
  load_api::header_lines headers;
  std::string body;
  std::vector<std::string> key; ///< names of the key's columns, the first ones of a row
  /// Where each row of the body ends, and what is kept of it as a dead letter; empty unless dead
  /// letters are.
  std::vector<std::uint32_t> ends;
  std::vector<std::string> letters;

  std::size_t bytes() const;
  bool is_json() const;
  std::string_view row(std::size_t i) const;
  /// A body of these rows, from..to-1.
  std::string part(std::size_t from, std::size_t to) const;
  /// The piece without these rows, which are in order.
  load_piece without(const std::vector<std::size_t>& rows) const;
};

/// A record of a spill file.
std::string pack(const std::string& table, const load_piece&);
std::string unpack(std::string_view record, load_piece&); ///< gives the table

} // namespace leat::starrocks
