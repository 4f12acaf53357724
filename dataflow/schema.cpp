#include "dataflow/schema.hpp"

namespace leat {

std::optional<std::uint16_t> table_schema::find(std::string_view column_name) const {
  for (std::size_t i = 0; i < columns.size(); ++i)
    if (columns[i].name == column_name) return static_cast<std::uint16_t>(i);
  return std::nullopt;
}

} // namespace leat
