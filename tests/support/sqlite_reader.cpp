#include "tests/support/sqlite_reader.hpp"

#include <sqlite3.h>

#include <stdexcept>

namespace leat::test {

namespace {

struct statement_closer {
  void operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }
};

std::string quoted(const std::string& name) {
  std::string result = "\"";
  for (const char c : name) result += c == '"' ? "\"\"" : std::string(1, c);
  return result + "\"";
}

std::string hex(const unsigned char* bytes, int count) {
  static const char* digits = "0123456789abcdef";
  std::string result = "\\x";
  for (int i = 0; i < count; ++i) {
    result += digits[bytes[i] >> 4];
    result += digits[bytes[i] & 15];
  }
  return result;
}

std::optional<std::string> cell(sqlite3_stmt* statement, int column) {
  const int type = sqlite3_column_type(statement, column);
  if (type == SQLITE_NULL) return std::nullopt;
  if (type == SQLITE_BLOB)
    return hex(static_cast<const unsigned char*>(sqlite3_column_blob(statement, column)),
               sqlite3_column_bytes(statement, column));
  const auto* text = reinterpret_cast<const char*>(sqlite3_column_text(statement, column));
  return std::string(text, static_cast<std::size_t>(sqlite3_column_bytes(statement, column)));
}

} // namespace

void sqlite_reader::closer::operator()(sqlite3* database) const { sqlite3_close_v2(database); }

sqlite_reader::sqlite_reader(const std::filesystem::path& path) {
  sqlite3* opened = nullptr;
  const int code = sqlite3_open_v2(path.c_str(), &opened, SQLITE_OPEN_READONLY, nullptr);
  database_.reset(opened);
  if (code != SQLITE_OK) throw std::runtime_error(path.string() + ": " + sqlite3_errstr(code));
  sqlite3_busy_timeout(opened, 10000);
}

text_rows sqlite_reader::query(const std::string& sql) {
  text_rows rows;
  const char* rest = sql.c_str();
  while (*rest != 0) {
    sqlite3_stmt* raw = nullptr;
    if (sqlite3_prepare_v2(database_.get(), rest, -1, &raw, &rest) != SQLITE_OK)
      throw std::runtime_error(sqlite3_errmsg(database_.get()) + (" in: " + sql));
    const std::unique_ptr<sqlite3_stmt, statement_closer> statement(raw);
    if (!statement) break;
    rows.clear();
    int code = 0;
    while ((code = sqlite3_step(raw)) == SQLITE_ROW) {
      auto& row = rows.emplace_back();
      for (int column = 0; column < sqlite3_column_count(raw); ++column)
        row.push_back(cell(raw, column));
    }
    if (code != SQLITE_DONE)
      throw std::runtime_error(sqlite3_errmsg(database_.get()) + (" in: " + sql));
  }
  return rows;
}

std::string sqlite_reader::value(const std::string& sql) {
  const auto found = query(sql);
  return found.empty() || found[0].empty() ? "" : found[0][0].value_or("");
}

bool sqlite_reader::has_table(const std::string& name) {
  for (const auto& row : query("SELECT name FROM sqlite_master WHERE type = 'table'"))
    if (row[0] == name) return true;
  return false;
}

text_rows sqlite_reader::rows(const std::string& table, const std::vector<std::string>& columns) {
  std::string list;
  for (const auto& column : columns) list += (list.empty() ? "" : ", ") + quoted(column);
  return query("SELECT " + list + " FROM " + quoted(table) + " ORDER BY " + list);
}

} // namespace leat::test
