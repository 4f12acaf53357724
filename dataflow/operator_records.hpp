#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "dataflow/operator_state.hpp"

namespace leat::operator_records {

// Keys and values of operator_store (docs/state-format.md). Numbers in keys are big endian, so that
// they sort.

/// One transform's state as a whole.
struct space_record {
  std::uint32_t id = 0;
  std::uint32_t generation = 0; ///< of the data; emptying it begins another
  std::uint32_t snapshot = 0;   ///< generation of the table's snapshot that it began anew with
  std::uint64_t keys = 0;
  std::uint64_t bytes = 0;
  std::string kind;
};

/// How something was before a change.
struct undo_record {
  bool whole = false; ///< of a space, not of a key
  std::string key;    ///< whole key
  std::optional<std::string> before;
};

std::string encode(const space_record&);
space_record decode_space(std::string_view);
std::string encode(const undo_record&);
undo_record decode_undo(std::string_view);
std::string encode_number(std::uint64_t);
std::uint64_t decode_number(std::string_view);
std::string encode_garbage(std::uint32_t id, std::uint32_t generation);
std::pair<std::uint32_t, std::uint32_t> decode_garbage(std::string_view);

std::string name_key(const operator_name&);
operator_name decode_name(std::string_view key);
std::string data_key(std::uint32_t id, std::uint32_t generation, std::string_view key);
std::uint32_t space_of_data(std::string_view key);
std::string barrier_key(const std::string& sink);
std::string undo_prefix(const std::string& sink, epoch_id);
std::string undo_end(const std::string& sink);
std::string garbage_prefix(const std::string& sink, epoch_id);
std::string garbage_end(const std::string& sink);
std::string numbered(std::string prefix, std::uint64_t sequence);

/// Counts one value in the place of another; `key` is the whole key.
void account(space_record&, std::string_view key, const std::optional<std::string>& was,
             const std::optional<std::string_view>& is);

} // namespace leat::operator_records
