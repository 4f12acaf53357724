#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "dataflow/source.hpp"
#include "plugins/postgres/connection.hpp"
#include "plugins/postgres/locked_table.hpp"

namespace leat::postgres {

struct chunk_size {
  std::uint64_t rows = 10000;
  std::uint64_t bytes = 8U << 20; ///< as the table is stored, TOAST included
};

/// Bounds that cut a table into chunks of about `size`, for the transaction that holds the table's
/// lock. Every row there is, is in exactly one: the first is open below, the last above, or it ends
/// with the last integer key, since rows that come later come with the stream (R5.5). `predicate`
/// (may be empty) is what the chunks will be read with. Small tables and tables without a key are
/// one chunk. Sizes are estimates: a reader must still be ready for a chunk that is too large.
/// Throws server_error.
chunk_plan plan_chunks(connection&, const locked_table&, const key_columns&, oid key_type,
                       const std::string& predicate, const chunk_size& size);

/// Bounds that cut the rows of `predicate` into chunks of `rows`, by counting them: where an
/// estimate was wrong.
std::vector<std::vector<std::string>> counted_bounds(connection&, const locked_table&,
                                                     const key_columns&,
                                                     const std::string& predicate,
                                                     std::uint64_t rows);

/// Bounds between `first` and `last`, both keys of the table, every `step` keys.
std::vector<std::string> integer_bounds(std::int64_t first, std::int64_t last, std::uint64_t step);

} // namespace leat::postgres
