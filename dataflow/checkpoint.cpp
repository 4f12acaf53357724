#include "dataflow/checkpoint.hpp"

namespace leat {

void add(missing_keys& to, const missing_keys& more) {
  for (const auto& [sink, tables] : more)
    for (const auto& [table, rows] : tables) {
      auto& all = to[sink][table];
      all.whole |= rows.whole;
      all.keys.insert(all.keys.end(), rows.keys.begin(), rows.keys.end());
      if (all.whole) all.keys.clear();
    }
}

} // namespace leat
