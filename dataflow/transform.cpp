#include "dataflow/transform.hpp"

namespace leat {

void remove_incomplete(batch& rows, change c, std::vector<change>& next) {
  const auto fresh = c.new_row;
  const auto width = rows.new_row(c).size();
  c.kind = change_kind::remove;
  c.new_row = change::no_row;
  if (c.old_row != change::no_row) next.push_back(c);
  c.old_kind = old_row_kind::key;
  c.old_row = fresh;
  for (std::size_t i = 0; i < width; ++i)
    if (!came(rows.cells[fresh + i])) rows.cells[fresh + i] = batch::make_state(cell_state::absent);
  next.push_back(c);
}

} // namespace leat
