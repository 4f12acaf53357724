#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "dataflow/pipeline_file.hpp"

namespace leat {

struct document_value;
struct document_entry;

/// A pipeline file before its keys are looked at: values with their places, tables in the file's
/// order.
using document_list = std::vector<document_value>;
using document_table = std::vector<document_entry>;

/// A number with a fraction, a date or a time, which no option takes.
struct document_other {
  std::string_view type;
};

struct document_value {
  std::string where; ///< "shop.toml:3:8", or "--set checkpoint.interval"
  file_place place;
  std::variant<std::string, std::int64_t, bool, document_list, document_table, document_other>
      content;

  template <class T>
  const T* as() const {
    return std::get_if<T>(&content);
  }
  /// "a list", "an integer": for messages.
  std::string_view type() const;
};

struct document_entry {
  std::string key;
  std::string where; ///< of the key
  document_value value;
};

/// The value under `key`, or null.
const document_value* find(const document_table&, std::string_view key);

/// Parses a file and puts the `key=value` of --set over it: the key dotted, the value as TOML when
/// it is one, else as a string. Throws leat::error of kind usage with the place; no message has
/// values in it.
document_value read_document(const std::filesystem::path&,
                             const std::vector<std::string>& settings);

/// What a file holds. Throws leat::error of kind usage: `subject` cannot be read, at `where`.
std::string read_whole_file(const std::filesystem::path&, const std::string& subject,
                            const std::string& where);

} // namespace leat
