#include "plugins/starrocks/read_back.hpp"

#include <algorithm>

#include "plugins/starrocks/values.hpp"

namespace leat::starrocks {

namespace {

constexpr std::size_t bytes_a_group = 8U << 20;
constexpr std::size_t first_group = 32;

std::string literal(value_form form, std::string_view text) {
  const auto plain = key_text(form, text);
  if (form == value_form::boolean) return plain == "1" ? "TRUE" : "FALSE";
  if (form == value_form::integer) return plain;
  return mysql_client::quote(plain);
}

} // namespace

read_back::read_back(mysql_client& sql, std::string quoted_table,
                     const std::vector<wanted_column>& columns)
    : sql_(sql), table_(std::move(quoted_table)), columns_(columns), group_(first_group) {}

std::string read_back::key_of(const std::vector<wanted_column>& columns,
                              std::span<const std::string_view> texts) {
  std::string key;
  for (std::size_t i = 0; i < texts.size(); ++i) {
    const auto part = key_text(columns[i].type.form, texts[i]);
    key += std::to_string(part.size()) + ":" + part;
  }
  return key;
}

/// StarRocks has no comparison of rows.
std::string read_back::condition(const std::vector<std::string_view>& key) const {
  std::string text = "(";
  for (std::size_t i = 0; i < key.size(); ++i)
    text += (i == 0 ? "" : " AND ") + quote_identifier(columns_[i].name) + " = "
            + literal(columns_[i].type.form, key[i]);
  return text + ")";
}

std::string read_back::statement(std::span<const std::vector<std::string_view>> keys) const {
  std::string sql = "SELECT ";
  for (std::size_t i = 0; i < columns_.size(); ++i)
    sql += (i == 0 ? "" : ", ")
           + read_expression(columns_[i].type, quote_identifier(columns_[i].name)) + " AS c"
           + std::to_string(i);
  sql += " FROM " + table_ + " WHERE ";
  for (std::size_t i = 0; i < keys.size(); ++i) sql += (i == 0 ? "" : " OR ") + condition(keys[i]);
  return sql;
}

void read_back::keep(std::vector<row>&& rows) {
  for (auto& texts : rows) {
    std::vector<std::string_view> key;
    for (std::size_t i = 0; i < columns_.size() && columns_[i].key; ++i)
      key.emplace_back(*texts[i]);
    auto name = key_of(columns_, key);
    rows_[std::move(name)] = std::move(texts);
  }
}

/// The answer's order is not known: of one that was cut, no key is known to be absent.
std::size_t read_back::fetch(std::span<const std::vector<std::string_view>> keys) {
  for (;;) {
    const auto asked = keys.first(std::min(keys.size(), group_));
    if (asked.empty()) return 0;
    const auto most = asked.size() == 1 ? SIZE_MAX : bytes_a_group;
    auto found = sql_.query_some(statement(asked), most, table_);
    if (found.cut) {
      group_ = std::clamp<std::size_t>(found.rows.size() / 2, 1, asked.size() - 1);
      continue;
    }
    keep(std::move(found.rows));
    group_ = std::min(group_ * 2, most_keys);
    return asked.size();
  }
}

const read_back::row* read_back::find(const std::string& key) const {
  const auto found = rows_.find(key);
  return found == rows_.end() ? nullptr : &found->second;
}

} // namespace leat::starrocks
