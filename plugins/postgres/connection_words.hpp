#pragma once

#include <optional>
#include <string>

#include "plugins/postgres/connection.hpp"

namespace leat::postgres {

/// What is wrong with the words of a connection before any server is asked. They may hold a
/// password, so neither text repeats any of them.
struct wrong_words {
  std::string what;
  std::string remedy;
};

/// Looks at the URL or keyword string under "dbname"; nothing when libpq can take it apart.
std::optional<wrong_words> find_wrong_words(const connection_parameters&);

/// libpq takes it for a URI or a keyword string, not for the name of a database.
bool is_conninfo(const std::string& dbname);

} // namespace leat::postgres
