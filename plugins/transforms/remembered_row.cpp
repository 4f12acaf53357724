#include "plugins/transforms/remembered_row.hpp"

#include <algorithm>
#include <cstring>

#include "dataflow/error.hpp"

namespace leat::transforms {

namespace {

template <class Number>
void put(std::string& out, Number n) {
  char bytes[sizeof n];
  std::memcpy(bytes, &n, sizeof n);
  out.append(bytes, sizeof n);
}

template <class Number>
Number take(std::string_view& in) {
  Number n{};
  if (in.size() < sizeof n)
    throw error(error_kind::state, "a row in the state of a transform is damaged",
                "state, operators", "`leat resnapshot` the table");
  std::memcpy(&n, in.data(), sizeof n);
  in.remove_prefix(sizeof n);
  return n;
}

} // namespace

std::vector<std::uint16_t> kept_names(const table_schema& rows) {
  std::vector<std::uint16_t> names;
  const bool numbered = std::all_of(rows.columns.begin(), rows.columns.end(),
                                    [](const column& c) { return c.number != 0; });
  for (std::uint16_t i = 0; i < rows.columns.size(); ++i)
    names.push_back(numbered ? static_cast<std::uint16_t>(rows.columns[i].number) : i);
  return names;
}

std::string encode(const remembered_row& row, const table_schema& schema) {
  std::string out;
  put(out, static_cast<std::uint64_t>(row.high));
  const auto names = kept_names(schema);
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (row.states[i] != cell_state::value && row.states[i] != cell_state::null) continue;
    put(out, names[i]);
    const bool has = row.states[i] == cell_state::value;
    put(out, has ? static_cast<std::uint32_t>(row.texts[i].size()) : 0xffffffffU);
    if (has) out += row.texts[i];
  }
  return out;
}

remembered_row decode_row(std::string_view in, const table_schema& schema) {
  remembered_row row;
  row.high = commit_lsn{take<std::uint64_t>(in)};
  const auto names = kept_names(schema);
  row.states.assign(names.size(), cell_state::unchanged);
  row.texts.resize(names.size());
  for (std::size_t expected = 0; !in.empty(); ++expected) {
    const auto name = take<std::uint16_t>(in);
    const auto size = take<std::uint32_t>(in);
    const bool has = size != 0xffffffffU;
    if (has && in.size() < size) take<std::uint64_t>(in = {});
    auto at = expected < names.size() && names[expected] == name
                  ? names.begin() + static_cast<std::ptrdiff_t>(expected)
                  : std::find(names.begin(), names.end(), name);
    if (at != names.end()) {
      const auto i = static_cast<std::size_t>(at - names.begin());
      row.states[i] = has ? cell_state::value : cell_state::null;
      if (has) row.texts[i].assign(in.substr(0, size));
    }
    if (has) in.remove_prefix(size);
  }
  return row;
}

} // namespace leat::transforms
