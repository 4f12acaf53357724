#include "plugins/postgres/snapshot_predicates.hpp"

#include <algorithm>

namespace leat::postgres {

namespace {

constexpr std::string_view missing_right = "42501", no_such_table = "42P01",
                           wrong_encoding = "22021";

/// The message alone, without the statement that it points into.
std::string message_of(const server_error& e) {
  std::string text = e.what();
  text.erase(std::min(text.find(" LINE "), text.size()));
  constexpr std::string_view level = "ERROR:  ";
  return text.starts_with(level) ? text.substr(level.size()) : text;
}

} // namespace

std::string predicate_key(const std::string& table) {
  return "source.snapshot.where.\"" + table + "\"";
}

bool refuses_predicate(std::string_view sqlstate) {
  if (sqlstate == missing_right || sqlstate == no_such_table || sqlstate == wrong_encoding)
    return false;
  return sqlstate.starts_with("22") || sqlstate.starts_with("42");
}

std::vector<error> find_wrong_predicates(connection& server, const snapshot_predicates& given,
                                         const std::vector<schema_ptr>& tables) {
  std::vector<error> wrong;
  for (const auto& table : tables) {
    const auto name = table->qualified_name();
    const auto found = given.where.find(name);
    if (found == given.where.end()) continue;
    try {
      // With parameters, even none, the server takes one statement only.
      server.query("EXPLAIN SELECT FROM " + quote_name(table->schema, table->name) + " WHERE ("
                       + found->second + "\n)",
                   {});
    } catch (const server_error& e) {
      if (e.transient()) throw;
      if (!refuses_predicate(e.sqlstate())) continue; // told of where the table is looked at
      wrong.emplace_back(error_kind::usage,
                         "the source does not take the predicate: " + message_of(e),
                         given.file + ", " + predicate_key(name),
                         "write a condition in SQL over the columns of the table, as after WHERE");
    }
  }
  return wrong;
}

} // namespace leat::postgres
