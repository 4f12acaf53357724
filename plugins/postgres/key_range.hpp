#pragma once

#include <string>
#include <vector>

namespace leat::postgres {

/// A key column as SQL needs it. Keys are compared by the server alone, always with the operators
/// named here, in predicates and in ORDER BY alike: the two can then never disagree, whatever the
/// type or collation.
struct key_column {
  std::string name;      ///< bare
  std::string type_name; ///< format_type(); of a domain, its base: its own collation may differ
  std::string operators; ///< schema of < = >= of this type; empty: PostgreSQL's own
  bool cast = false;     ///< a text is not understood without the name of its type
};

using key_columns = std::vector<key_column>;

/// `("a", "b") >= ('1', 'x')`. As many texts as columns.
std::string at_least(const key_columns&, const std::vector<std::string>& bound);
/// `("a", "b") < ('1', 'x')`.
std::string below(const key_columns&, const std::vector<std::string>& bound);
/// `"a", "b"`, with USING where the operators are not PostgreSQL's own.
std::string ordering(const key_columns&);
/// A predicate that holds for rows of `table` (its quoted bare name in FROM) with one of the keys.
std::string one_of(const key_columns&, const std::string& table,
                   const std::vector<std::vector<std::string>>& keys);

} // namespace leat::postgres
