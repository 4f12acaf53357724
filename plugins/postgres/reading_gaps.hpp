#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "plugins/postgres/catalog.hpp"

namespace leat::postgres {

/// Why a role cannot read a table whole, as a snapshot has to.
struct reading_gap {
  enum class kind : std::uint8_t { schema, table, policies };
  kind of = kind::table;
  std::string what;
  std::string where;
  std::string remedy; ///< SQL
};

/// In the order in which the server would refuse.
std::vector<reading_gap> reading_gaps(const catalog_table&, const std::string& role);

} // namespace leat::postgres
