#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "tests/support/pg_session.hpp"

typedef struct sqlite3 sqlite3;

namespace leat::test {

/// Reads an SQLite database while leat writes it. Values come as text: INTEGER and REAL as SQLite
/// prints them, BLOB as \x and hex digits, as PostgreSQL prints bytea. Not thread-safe.
class sqlite_reader {
 public:
  /// Opens without the right to write; throws std::runtime_error, also from all other calls.
  explicit sqlite_reader(const std::filesystem::path&);

  text_rows query(const std::string& sql);
  /// The first column of the first row, "" when it is NULL or there is no row.
  std::string value(const std::string& sql);
  bool has_table(const std::string& name);
  /// All rows of a table in the order of `columns`; both are given unquoted.
  text_rows rows(const std::string& table, const std::vector<std::string>& columns);

 private:
  struct closer {
    void operator()(sqlite3*) const;
  };
  std::unique_ptr<sqlite3, closer> database_;
};

} // namespace leat::test
