#pragma once

#include <cstdint>
#include <random>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "dataflow/expressions/functions.hpp"

namespace leat::test {

/// Writes random expressions of a wanted type over the columns of a table: every declared function
/// and operator, and the constructs that the grammar has words for. From a seed.
class expression_writer {
 public:
  struct column {
    std::string name;
    sql::sql_type type;
  };

  expression_writer(std::uint64_t seed, std::vector<column> columns)
      : dice_(seed), columns_(std::move(columns)) {}

  sql::sql_type any_type();
  std::string of(const sql::sql_type& type, int depth);
  /// A value's text, as one might insert it.
  std::string value(const sql::sql_type& type);

  /// What was written since the last call.
  std::set<const sql::function*> take_called() { return std::exchange(called_, {}); }

  std::size_t roll(std::size_t sides) { return dice_() % sides; }
  template <class T>
  const T& pick(const std::vector<T>& from) {
    return from[roll(from.size())];
  }

 private:
  std::string digits(std::size_t most);
  std::string made_up(sql::type_id);
  std::string regular(int depth);
  std::string leaf(const sql::sql_type&);
  std::string literal(const sql::sql_type&);
  std::string call(const sql::sql_type&, int depth);
  std::string argument(const sql::function&, std::size_t i, int depth);
  std::string condition(int depth);
  std::string from_cast(const sql::sql_type&, int depth);
  std::string choice(const sql::sql_type&, int depth);
  sql::sql_type comparable();

  std::mt19937_64 dice_;
  std::vector<column> columns_;
  std::set<const sql::function*> called_;
};

} // namespace leat::test
