#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "dataflow/batch.hpp"
#include "dataflow/batch_spool.hpp"
#include "dataflow/position.hpp"
#include "plugins/postgres/connection.hpp"

namespace leat::postgres {

/// Takes the rows of a look (lock_and_look()) one by one, and then nothing; then it answers H of
/// the rows that follow, or that they are not wanted.
using look_reader = std::function<std::optional<wal_lsn>(const result* row)>;

/// How the rows of one chunk become batches.
struct row_request {
  schema_ptr schema;             ///< its columns are the columns of the SELECT, in order
  wal_lsn high{};                ///< H of the chunk, which its rows carry as their commit (R11)
  std::uint64_t first_index = 0; ///< change::index of the first row
  look_reader look = {}; ///< of the first statement that gives rows, if not those of the chunk
  std::shared_ptr<batch_spool> spool; ///< takes the batches; null: they stay in memory
  std::uint64_t max_rows = 0;         ///< give up beyond this, but not at the first row; 0: never
  std::uint64_t max_bytes = 0;        ///< likewise
};

/// Rows as changes of kind read, in the order of the SELECT, at most 512 rows a batch; a batch is
/// closed by the row that takes it to 256 KiB.
struct row_set {
  std::vector<batch_ptr> batches;
  std::uint64_t rows = 0;
  std::uint64_t bytes = 0; ///< what the batches cost in memory
  bool too_large = false;  ///< given up: the query is cancelled, its transaction aborted
  bool unwanted = false;   ///< given up after the look, likewise
};

/// Runs `sql`, whose first rows are those of the look, if any, and then the chunk's: beside the
/// batches one row is in memory. Throws server_error; the connection is then ready
/// for the next statement, or lost.
row_set read_rows(connection&, const std::string& sql, const row_request&);

/// Texts of the `key` columns of the row that halves the bytes of `rows`; never the first row, so
/// that both halves hold rows. Needs two rows and key columns without NULL.
std::vector<std::string> halfway_key(const row_set& rows, const std::vector<std::uint16_t>& key);

} // namespace leat::postgres
