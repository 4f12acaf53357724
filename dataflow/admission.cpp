#include "dataflow/admission.hpp"

#include <span>

namespace leat {

namespace {

void take(admission& a, std::span<const source_table> more, const objection& objects) {
  if (more.empty()) return;
  auto with = a.taken;
  with.insert(with.end(), more.begin(), more.end());
  const auto why = objects(with);
  if (!why) {
    a.taken = std::move(with);
    return;
  }
  if (more.size() == 1) {
    a.refused.emplace(more.front().schema->id, *why);
    return;
  }
  const auto half = more.size() / 2;
  take(a, more.first(half), objects);
  take(a, more.subspan(half), objects);
}

} // namespace

admission admit(const std::vector<source_table>& candidates, const objection& objects) {
  admission a;
  take(a, candidates, objects);
  return a;
}

} // namespace leat
