#include "dataflow/table_stamp.hpp"

#include <algorithm>

namespace leat {

unstreamed_change compare_stamps(const table_stamp& before, const table_stamp& now) {
  if (before.storage == 0 || now.storage == 0) return unstreamed_change::none;
  if (before.membership != 0 && now.membership != 0 && before.membership != now.membership)
    return unstreamed_change::unpublished;
  if (before.storage == now.storage) return unstreamed_change::none;
  const bool altered = std::ranges::any_of(before.columns, [&](const auto& column) {
    const auto found = now.columns.find(column.first);
    return found != now.columns.end() && found->second != column.second;
  });
  return altered ? unstreamed_change::rewritten : unstreamed_change::none;
}

unstreamed_change follow(table_stamp& held, const table_stamp& now) {
  if (now.storage == 0) return unstreamed_change::none;
  const auto change = compare_stamps(held, now);
  const auto membership = held.membership;
  held = now;
  if (now.membership == 0) held.membership = membership;
  return change;
}

const char* to_string(unstreamed_change change) {
  switch (change) {
  case unstreamed_change::none:
    return "nothing has changed its rows";
  case unstreamed_change::rewritten:
    return "it was rewritten by ALTER TABLE";
  case unstreamed_change::unpublished:
    return "it had left the publication";
  }
  return "";
}

} // namespace leat
