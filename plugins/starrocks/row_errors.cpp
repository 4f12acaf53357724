#include "plugins/starrocks/row_errors.hpp"

#include <algorithm>

#include <nlohmann/json.hpp>

namespace leat::starrocks {

namespace {

constexpr std::size_t lines_shown = 3;
constexpr std::size_t longest_row = 200;
constexpr std::string_view row_mark = "Row: ";

std::vector<std::string> lines_of(const std::string& log) {
  std::vector<std::string> lines;
  for (std::size_t at = 0; at < log.size() && lines.size() < lines_shown;) {
    const auto end = std::min(log.find('\n', at), log.size());
    if (end > at) lines.push_back(log.substr(at, end - at));
    at = end + 1;
  }
  return lines;
}

/// The cells of `["1","x"]`, or of `[1, 'x', NULL]` as far as no comma stands in them.
std::vector<std::string> cells_of(const std::string& row) {
  std::vector<std::string> cells;
  const auto parsed = nlohmann::json::parse(row, nullptr, false);
  if (parsed.is_array()) {
    for (const auto& cell : parsed)
      cells.push_back(cell.is_string() ? cell.get<std::string>() : cell.dump());
    return cells;
  }
  if (!row.starts_with('[')) return cells;
  for (std::size_t at = 1; at < row.size();) {
    const auto end = std::min(row.find_first_of(",]", at), row.size());
    auto cell = row.substr(at, end - at);
    while (cell.starts_with(' ')) cell.erase(0, 1);
    cells.push_back(std::move(cell));
    at = end + 1;
  }
  return cells;
}

std::string described(const std::string& line, const std::vector<std::string>& key) {
  const auto mark = line.rfind(row_mark);
  if (mark == line.npos) return line;
  const auto row = line.substr(mark + row_mark.size());
  const auto cells = cells_of(row);
  if (key.empty() || cells.size() < key.size())
    return line.substr(0, mark + row_mark.size() + longest_row);
  std::string text;
  for (std::size_t i = 0; i < key.size(); ++i)
    text += (i == 0 ? "" : ", ") + key[i] + " = " + cells[i];
  return line.substr(0, mark) + "In the row with " + text;
}

/// Leat's own tables hold nothing that is refused.
std::string table_of(const row_error& e, const load_name& name,
                     const std::map<std::string, std::vector<std::string>>& keys) {
  if (!name.multi()) return name.table;
  std::string only;
  for (const auto& [table, key] : keys) {
    if (key.empty()) continue;
    if (std::string_view(e.what()).find("table: " + table + ",") != std::string_view::npos)
      return table;
    if (!only.empty()) return {};
    only = table;
  }
  return only;
}

} // namespace

leat::error explained(const row_error& e, const load_name& name,
                      const std::map<std::string, std::vector<std::string>>& keys,
                      const std::string& database) {
  const auto table = table_of(e, name, keys);
  const auto key = keys.find(table);
  std::string what = e.what();
  for (const auto& line : lines_of(e.lines()))
    what += "; " + described(line, key == keys.end() ? std::vector<std::string>{} : key->second);
  return {e.kind(), what, table.empty() ? database : database + "." + table, e.remedy()};
}

} // namespace leat::starrocks
