#pragma once

#include <string>

#include "dataflow/error.hpp"

namespace leat::starrocks {

/// The server refuses rows for what they hold.
class row_error : public leat::error {
 public:
  row_error(const leat::error& e, std::string lines);

  /// Those of the server's log, one a row; may be empty.
  const std::string& lines() const { return lines_; }
  /// What the first line says, without its row.
  std::string reason() const;

 private:
  std::string lines_;
};

/// Whether a message is about rows, whatever else there is.
bool is_about_rows(const std::string& message);

/// The database is not there.
bool is_about_database(const std::string& message);
/// A table cannot be made with so many replicas.
bool is_about_replicas(const std::string& message);
/// Whether a message says that compaction is behind.
bool is_about_versions(const std::string& message);

/// Throws an error of kind sink that ends the pipeline.
[[noreturn]] void refuse(const std::string& what, const std::string& where,
                         const std::string& remedy);

/// Throws one that passes: a lost connection, a transaction that the server gave up.
[[noreturn]] void retry_later(const std::string& what, const std::string& where,
                              const std::string& remedy = {});

/// What a message of StarRocks means for the pipeline; docs/starrocks.md has the table.
leat::error server_error(const std::string& what, const std::string& message,
                         const std::string& where);

} // namespace leat::starrocks
