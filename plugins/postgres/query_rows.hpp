#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "plugins/postgres/connection.hpp"

namespace leat::postgres {

/// The rows of statements that went to the server in one message and end their own transaction, one
/// by one as they come; beside what is on its way one row is in memory. When next() has thrown, or
/// after abandon(), the connection is ready for the next statement, in an aborted transaction at
/// most, or lost. Destroyed before the end, it leaves a connection that is one of the three as
/// well.
class query_rows {
 public:
  enum class step : std::uint8_t { row, end_of_statement, end };

  virtual ~query_rows() = default;
  query_rows(const query_rows&) = delete;
  query_rows& operator=(const query_rows&) = delete;

  /// A row, the end of a statement that gives rows, or the end of all. Throws server_error.
  virtual step next() = 0;

  /// Ends the statements; their transaction is aborted.
  virtual void abandon() = 0;

  /// Texts of the row that next() has come to, until the next call; NULL has no data().
  std::span<const std::string_view> values() const { return values_; }

 protected:
  query_rows() = default;

  std::vector<std::string_view> values_;
};

/// Sends the statements. Throws server_error.
std::unique_ptr<query_rows> run_query(connection&, const std::string& sql);

/// One row, as libpq has it.
result to_result(std::span<const std::string_view> values);

} // namespace leat::postgres
