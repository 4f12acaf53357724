#include "dataflow/transform.hpp"

#include "dataflow/dead_letter.hpp"
#include "dataflow/error.hpp"

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

void refuse_row(const transform_place& place, const batch& rows, const change& c,
                const std::string& what, const std::string& remedy) {
  if (place.on_error == expression_policy::dead_letter) return place.keep_letter(rows, c, what);
  const auto row = c.new_row == change::no_row ? rows.old_row(c) : rows.new_row(c);
  std::string key;
  for (const auto k : place.input->key)
    if (!row.empty() && row[k].has_value())
      key += (key.empty() ? ", row " : ", ") + place.input->columns[k].name + " = "
             + std::string(rows.text(row[k]).substr(0, 60));
  throw error(error_kind::source, what, place.where + key,
              remedy_of_row(c, remedy) + ", or set on_error = \"dead_letter\" in the route");
}

bool leaves_key(const transform_place& place, const batch& rows, const change& c,
                std::span<const std::uint16_t> key) {
  if (c.kind != change_kind::update || c.old_row == change::no_row
      || place.mode != route_mode::upsert)
    return false;
  std::string before;
  std::string now;
  append_key(before, rows, rows.old_row(c), key);
  append_key(now, rows, rows.new_row(c), key);
  return before != now;
}

} // namespace leat
