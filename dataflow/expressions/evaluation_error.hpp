#pragma once

#include <stdexcept>
#include <string>

namespace leat::sql {

/// What an expression throws for a row that it cannot be computed for, with PostgreSQL's SQLSTATE
/// and its words.
class evaluation_error : public std::runtime_error {
 public:
  evaluation_error(std::string state, const std::string& what)
      : runtime_error(what), sqlstate(std::move(state)) {}
  std::string sqlstate;
};

/// What reading a cell throws whose value did not come: unchanged TOAST, or not in an old row.
class value_missing : public std::runtime_error {
 public:
  value_missing() : runtime_error("a value did not come") {}
};

} // namespace leat::sql
