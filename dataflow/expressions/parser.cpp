#include "dataflow/expressions/parser.hpp"

#include <memory>
#include <string_view>

#include <pg_query.h>

#include "dataflow/expressions/text_format.hpp"

namespace leat::sql {

namespace {

constexpr std::string_view before = "SELECT ";

struct parse_result {
  explicit parse_result(const std::string& sql) : raw(pg_query_parse(sql.c_str())) {}
  ~parse_result() { pg_query_free_parse_result(raw); }
  parse_result(const parse_result&) = delete;
  parse_result& operator=(const parse_result&) = delete;
  PgQueryParseResult raw;
};

/// What stands beside the one expression: FROM, another statement, an alias.
[[noreturn]] void not_one_expression(const std::string& text) {
  throw expression_error("this is not one expression over a row", text, 0,
                         "write what could stand after SELECT, without FROM, WHERE and AS");
}

std::string remedy_of_syntax(const std::string& text) {
  const auto words = lower_ascii(text);
  for (const auto& [sign, remedy] :
       {std::pair{"`", "PostgreSQL quotes names with \"double quotes\", not with `"},
        {"&&", "write AND"},
        {" rlike ", "write a ~ 'pattern'"},
        {" regexp ", "write a ~ 'pattern'"},
        {"try_cast", "write a::type, and on_error = \"null\" in the route"},
        {" unsigned", "PostgreSQL has no unsigned types: take the next larger one"}})
    if (words.find(sign) != std::string::npos) return remedy;
  return "expressions are PostgreSQL's: docs/expressions.md";
}

} // namespace

error expression_error(const std::string& what, const std::string& text, int place,
                       const std::string& remedy) {
  const auto bytes = static_cast<std::size_t>(std::max(place, 0));
  const auto character = count_characters(std::string_view(text).substr(0, bytes)) + 1;
  return error(error_kind::usage, what,
               "at character " + std::to_string(character) + " of \"" + text + "\"", remedy);
}

std::string last_name(const nlohmann::json& names) {
  return names.back().at("String").value("sval", "");
}

parsed_expression parse_expression(const std::string& text) {
  const auto zero = text.find('\0');
  if (zero != std::string::npos)
    throw expression_error("an expression cannot hold a zero byte", text, static_cast<int>(zero),
                           "take it out");
  const parse_result parsed(std::string(before) + text);
  const auto offset = static_cast<int>(before.size());
  if (parsed.raw.error != nullptr)
    throw expression_error(parsed.raw.error->message, text,
                           parsed.raw.error->cursorpos - 1 - offset, remedy_of_syntax(text));
  const auto tree = nlohmann::json::parse(parsed.raw.parse_tree);
  const auto& statements = tree.at("stmts");
  if (statements.size() != 1 || !statements[0].at("stmt").contains("SelectStmt"))
    not_one_expression(text);
  if (statements[0].contains("stmt_len"))
    throw expression_error("an expression does not end in a semicolon", text,
                           statements[0].at("stmt_len").get<int>() - offset, "take it out");
  const auto& select = statements[0].at("stmt").at("SelectStmt");
  for (const auto& [key, value] : select.items())
    if (key != "targetList" && key != "limitOption" && key != "op") not_one_expression(text);
  if (!select.contains("targetList") || select.at("targetList").size() != 1)
    not_one_expression(text);
  const auto& target = select.at("targetList")[0].at("ResTarget");
  if (target.contains("name"))
    throw expression_error("`" + target.value("name", "") + "` at the end is taken for a name",
                           text, static_cast<int>(text.size()),
                           "complete the expression, or leave that out");
  if (target.contains("indirection") || !target.contains("val")) not_one_expression(text);
  return {target.at("val"), offset};
}

parsed_expression parse_type_name(const std::string& text) {
  static const std::string before_type = "SELECT NULL::";
  const auto refuse = [&] {
    throw expression_error("`" + text + "` is not a type", text, 0,
                           "write one of PostgreSQL's types: text, bigint, numeric(12,2)");
  };
  const parse_result parsed(before_type + text);
  if (parsed.raw.error != nullptr) refuse();
  const auto tree = nlohmann::json::parse(parsed.raw.parse_tree);
  const auto place =
      nlohmann::json::json_pointer("/stmts/0/stmt/SelectStmt/targetList/0/ResTarget/val/TypeCast");
  const auto whole = nlohmann::json::json_pointer("/stmts/0/stmt/SelectStmt");
  if (tree.at("stmts").size() != 1 || !tree.contains(place) || tree.at(whole).size() != 3) refuse();
  const auto& cast = tree.at(place);
  if (!cast.at("arg").contains("A_Const")) refuse();
  return {cast.at("typeName"), static_cast<int>(before_type.size())};
}

} // namespace leat::sql
