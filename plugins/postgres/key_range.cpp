#include "plugins/postgres/key_range.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "plugins/postgres/connection.hpp"

namespace leat::postgres {

namespace {

std::string operator_of(const key_column& column, const char* name) {
  if (column.operators.empty()) return name;
  return "OPERATOR(" + quote_identifier(column.operators) + "." + name + ")";
}

std::string typed(const key_column& column, const std::string& text) {
  return quote_literal(text) + "::" + column.type_name;
}

std::string literal(const key_column& column, const std::string& text) {
  return column.cast ? typed(column, text) : quote_literal(text);
}

std::string comparison(const key_column& column, const char* name, const std::string& text) {
  return quote_identifier(column.name) + " " + operator_of(column, name) + " "
         + literal(column, text);
}

bool same_operators(const key_columns& key) {
  return std::all_of(key.begin(), key.end(),
                     [&](const auto& column) { return column.operators == key[0].operators; });
}

/// A row comparison takes one operator for all columns; where they differ it is spelled out.
std::string spelled_out(const key_columns& key, const std::vector<std::string>& bound,
                        std::size_t from, const char* strict, const char* last) {
  if (from + 1 == key.size()) return comparison(key[from], last, bound[from]);
  return "(" + comparison(key[from], strict, bound[from]) + " OR "
         + comparison(key[from], "=", bound[from]) + " AND "
         + spelled_out(key, bound, from + 1, strict, last) + ")";
}

std::string compared(const key_columns& key, const std::vector<std::string>& bound,
                     const char* strict, const char* last) {
  if (key.size() == 1) return comparison(key[0], last, bound[0]);
  if (!same_operators(key)) return spelled_out(key, bound, 0, strict, last);
  std::vector<std::string> names, literals;
  for (const auto& column : key) names.push_back(quote_identifier(column.name));
  for (std::size_t i = 0; i < key.size(); ++i) literals.push_back(literal(key[i], bound[i]));
  return fmt::format("({}) {} ({})", fmt::join(names, ", "), operator_of(key[0], last),
                     fmt::join(literals, ", "));
}

} // namespace

std::string at_least(const key_columns& key, const std::vector<std::string>& bound) {
  return compared(key, bound, ">", ">=");
}

std::string below(const key_columns& key, const std::vector<std::string>& bound) {
  return compared(key, bound, "<", "<");
}

std::string ordering(const key_columns& key) {
  std::vector<std::string> parts;
  for (const auto& column : key) {
    auto part = quote_identifier(column.name);
    if (!column.operators.empty()) part += " USING " + operator_of(column, "<");
    parts.push_back(std::move(part));
  }
  return fmt::format("{}", fmt::join(parts, ", "));
}

std::string one_of(const key_columns& key, const std::string& table,
                   const std::vector<std::vector<std::string>>& keys) {
  std::vector<std::string> rows;
  for (const auto& texts : keys) {
    std::vector<std::string> values;
    for (std::size_t i = 0; i < key.size(); ++i) values.push_back(typed(key[i], texts[i]));
    rows.push_back(fmt::format("({})", fmt::join(values, ", ")));
  }
  std::vector<std::string> names;
  std::string condition;
  for (std::size_t i = 0; i < key.size(); ++i) {
    names.push_back("k" + std::to_string(i));
    if (i > 0) condition += " AND ";
    condition += table + "." + quote_identifier(key[i].name) + " " + operator_of(key[i], "=")
                 + " leat_keys.k" + std::to_string(i);
  }
  return fmt::format("EXISTS (SELECT FROM (VALUES {}) AS leat_keys ({}) WHERE {})",
                     fmt::join(rows, ", "), fmt::join(names, ", "), condition);
}

} // namespace leat::postgres
