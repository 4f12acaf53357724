#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "dataflow/batch.hpp"
#include "dataflow/error.hpp"
#include "plugins/postgres/stream_relations.hpp"

namespace leat::test {

/// A row as a person reads it: `(1, null, ~, -)`; ~ is unchanged TOAST, - is absent.
inline std::string describe_row(const batch& rows, std::span<const cell> cells) {
  std::string out;
  for (const auto& c : cells) {
    out += out.empty() ? "(" : ", ";
    switch (c.state()) {
    case cell_state::null:
      out += "null";
      break;
    case cell_state::unchanged:
      out += "~";
      break;
    case cell_state::absent:
      out += "-";
      break;
    case cell_state::value:
      out += rows.text(c);
      break;
    }
  }
  return out + ")";
}

/// `0/100.2 update items (2, x) old key (1, -)`.
inline std::string describe(const batch& rows, const change& c) {
  static constexpr const char* kinds[] = {"insert", "update", "remove", "truncate", "read"};
  const auto at = rows.position_of(c);
  auto line = to_string(at.commit) + "." + std::to_string(at.index) + " "
              + kinds[static_cast<std::size_t>(c.kind)] + " " + rows.schema_of(c).name;
  if (c.new_row != change::no_row) line += " " + describe_row(rows, rows.new_row(c));
  if (c.old_kind == old_row_kind::key) line += " old key " + describe_row(rows, rows.old_row(c));
  if (c.old_kind == old_row_kind::full) line += " old full " + describe_row(rows, rows.old_row(c));
  return line;
}

inline std::vector<std::string> describe(const batch& rows) {
  std::vector<std::string> lines;
  for (const auto& c : rows.changes) lines.push_back(describe(rows, c));
  return lines;
}

/// Knows no catalog: the identity columns are the key.
class plain_resolver : public postgres::relation_resolver {
 public:
  schema_ptr complete(table_schema table, std::uint32_t /*xid*/) override {
    if (fail)
      throw error(error_kind::source, "the catalog is away", "", "", error_retry::transient);
    for (std::uint16_t i = 0; i < table.columns.size(); ++i)
      if (table.columns[i].identity) table.key.push_back(i);
    auto& known = known_[table.id];
    if (!known || *known != table) known = std::make_shared<const table_schema>(std::move(table));
    return known;
  }
  bool fail = false;

 private:
  std::map<oid, schema_ptr> known_;
};

} // namespace leat::test
