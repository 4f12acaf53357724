#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "dataflow/checkpoint.hpp"

/// The values of the state database: CBOR (RFC 8949). docs/state-format.md describes them. Decoding
/// throws leat::error of kind state when a value is not what it should be.
namespace leat {

/// Chunks `number`, `number` + 1, ... with the bounds at `index`, `index` + 1, ... of a list.
struct chunk_run {
  std::uint64_t number = 0;
  std::uint64_t index = 0; ///< from 0
  std::uint64_t count = 0;
  bool operator==(const chunk_run&) const = default;
};

/// Pending chunks whose bounds are in a list that is stored once.
struct chunk_reference {
  std::string list; ///< its key
  std::vector<chunk_run> runs;
  bool operator==(const chunk_reference&) const = default;
};

/// A checkpoint as it is stored: what seldom changes is named by the key of its own record.
struct checkpoint_record {
  checkpoint body;                    ///< without schemas, routes, stamps and chunks
  std::string routes;                 ///< key
  std::string stamps;                 ///< key; empty in the state of an older leat
  std::map<oid, std::string> schemas; ///< table -> key
  std::map<oid, std::vector<chunk_reference>> chunks;
};

std::string encode(const pipeline_identity&);
std::string encode(const table_schema&);
std::string encode(const std::vector<chunk_bounds>&); ///< without their numbers
std::string encode(const std::map<std::string, std::string>& routes);
std::string encode(const std::map<oid, table_stamp>&);
std::string encode(const missing_keys&);
std::string encode(const checkpoint_record&);

pipeline_identity decode_identity(std::string_view);
table_schema decode_schema(std::string_view);
std::vector<chunk_bounds> decode_chunks(std::string_view);
std::map<std::string, std::string> decode_routes(std::string_view);
std::map<oid, table_stamp> decode_stamps(std::string_view);
missing_keys decode_missing(std::string_view);
checkpoint_record decode_checkpoint(std::string_view);

} // namespace leat
