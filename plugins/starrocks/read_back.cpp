#include "plugins/starrocks/read_back.hpp"

#include <algorithm>

#include "plugins/starrocks/values.hpp"

namespace leat::starrocks {

namespace {

constexpr std::size_t keys_a_statement = 500;
constexpr std::size_t bytes_a_group = 4U << 20;
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
    : sql_(sql), table_(std::move(quoted_table)), columns_(columns),
      row_bytes_(bytes_a_group / first_group) {}

std::size_t read_back::group() const {
  return std::clamp<std::size_t>(bytes_a_group / row_bytes_, 1, keys_a_statement);
}

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

void read_back::fetch(const std::vector<std::vector<std::string_view>>& keys) {
  std::string select = "SELECT ";
  for (std::size_t i = 0; i < columns_.size(); ++i)
    select += (i == 0 ? "" : ", ")
              + read_expression(columns_[i].type, quote_identifier(columns_[i].name)) + " AS c"
              + std::to_string(i);
  select += " FROM " + table_ + " WHERE ";
  std::size_t rows = 0;
  std::size_t bytes = 0;
  for (std::size_t begin = 0; begin < keys.size(); begin += keys_a_statement) {
    const auto end = std::min(keys.size(), begin + keys_a_statement);
    std::string where;
    for (auto i = begin; i < end; ++i) where += (where.empty() ? "" : " OR ") + condition(keys[i]);
    auto found = sql_.query(select + where, table_);
    for (auto& texts : found.rows) {
      std::vector<std::string_view> key;
      for (std::size_t i = 0; i < columns_.size() && columns_[i].key; ++i)
        key.emplace_back(*texts[i]);
      ++rows;
      for (const auto& text : texts) bytes += sizeof text + (text ? text->size() : 0);
      auto name = key_of(columns_, key);
      rows_[std::move(name)] = std::move(texts);
    }
  }
  if (rows != 0) row_bytes_ = bytes / rows;
}

const read_back::row* read_back::find(const std::string& key) const {
  const auto found = rows_.find(key);
  return found == rows_.end() ? nullptr : &found->second;
}

} // namespace leat::starrocks
