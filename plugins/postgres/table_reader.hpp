#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "dataflow/source.hpp"
#include "plugins/postgres/catalog.hpp"
#include "plugins/postgres/connection.hpp"

namespace leat::postgres {

/// How tables are cut into chunks and which rows belong to a snapshot.
struct snapshot_options {
  std::uint64_t chunk_rows = 10000;           ///< a chunk of twice as many is given up and cut
  std::uint64_t chunk_bytes = 8U << 20;       ///< likewise, of memory
  std::map<oid, std::string> where = {};      ///< of the pipeline file; for chunks
  std::map<oid, std::string> row_filter = {}; ///< of the publication; for chunks and read_keys
  publication_view publication = {};          ///< which columns describe() and column checks go by
  std::chrono::milliseconds lock_timeout{5000};
  /// Where read() puts the rows of a table without a key, which are one chunk; null: in memory.
  std::shared_ptr<spill_area> spill = nullptr;
};

/// Reads chunks on one connection of its own, made at the first call and again after it was lost.
///
/// cancel() ends the call that runs, or, when none does, the next one; one that falls between two
/// statements of plan() may come too late for it, so who waits for plan() to end repeats it. Errors
/// beside chunk_failure: server_error and leat::error of kind source, each with the table as its
/// place; transient for a lost connection and for a lock that did not come within `lock_timeout`. A
/// read_keys() of several keys whose rows are too_large comes without `splits`: ask for fewer keys.
std::unique_ptr<table_reader> make_table_reader(const connection_parameters&, snapshot_options);

} // namespace leat::postgres
