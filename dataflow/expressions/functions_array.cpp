#include "dataflow/expressions/functions.hpp"

namespace leat::sql {

namespace {

using arguments = const datum* const*;

void array_length(datum& out, arguments a, const call_info&) {
  if (a[1]->i != 1 || a[0]->items.empty()) return out.set_null();
  out.set(static_cast<std::int64_t>(a[0]->items.size()));
}
void cardinality(datum& out, arguments a, const call_info&) {
  out.set(static_cast<std::int64_t>(a[0]->items.size()));
}

void give_items(datum& out, std::vector<datum> items) {
  out.items = std::move(items);
  out.null = false;
}

/// A NULL array is one without items; two are NULL.
void cat(datum& out, arguments a, const call_info&) {
  if (a[0]->null && a[1]->null) return out.set_null();
  std::vector<datum> items;
  for (const auto* part : {a[0], a[1]})
    if (!part->null) items.insert(items.end(), part->items.begin(), part->items.end());
  give_items(out, std::move(items));
}

void append(datum& out, arguments a, const call_info&) {
  std::vector<datum> items;
  if (!a[0]->null) items = a[0]->items;
  items.push_back(*a[1]);
  give_items(out, std::move(items));
}

void prepend(datum& out, arguments a, const call_info&) {
  std::vector<datum> items{*a[0]};
  if (!a[1]->null) items.insert(items.end(), a[1]->items.begin(), a[1]->items.end());
  give_items(out, std::move(items));
}

} // namespace

builtin array_concatenation(bool left_is_array, bool right_is_array) {
  return !right_is_array ? append : left_is_array ? cat : prepend;
}

std::vector<function> array_functions() {
  const auto i = scalar(type_id::int4);
  return {{"array_length", {any_array, i}, i, array_length},
          {"cardinality", {any_array}, i, cardinality},
          {"||", {any_array, any_array}, any_array, cat, false},
          {"||", {any_array, any_type}, any_array, append, false},
          {"||", {any_type, any_array}, any_array, prepend, false}};
}

} // namespace leat::sql
