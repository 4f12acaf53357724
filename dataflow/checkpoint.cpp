#include "dataflow/checkpoint.hpp"

namespace leat {

void add(missing_keys& to, const missing_keys& more) {
  for (const auto& [sink, tables] : more)
    for (const auto& [table, keys] : tables) {
      auto& all = to[sink][table];
      all.insert(all.end(), keys.begin(), keys.end());
    }
}

} // namespace leat
