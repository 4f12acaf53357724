#pragma once

#include <filesystem>
#include <string>

#include "dataflow/options.hpp"
#include "dataflow/pipeline_document.hpp"

namespace leat {

/// Throws leat::error of kind usage whose place is `where, key`.
[[noreturn]] void fail_option(const std::string& where, const std::string& key,
                              const std::string& what, const std::string& remedy);

/// Turns what a file says into the value of a declared option: of its kind, within its bounds, its
/// variables replaced, its path made absolute. `key` is the dotted path, for messages. All throw
/// leat::error of kind usage; messages never have a value in them.
class option_reader {
 public:
  /// Relative paths begin at `directory`, which is absolute.
  explicit option_reader(std::filesystem::path directory) : directory_(std::move(directory)) {}

  option_value read(const option&, const document_value&, const std::string& key) const;

  /// The same for a default, which is text.
  option_value read_text(const option&, const std::string& text, const std::string& where,
                         const std::string& key) const;

  /// The string with its variables replaced.
  std::string text(const document_value&, const std::string& key) const;

 private:
  std::vector<std::string> list(const option&, const document_value&, const std::string& key) const;
  column_list columns(const document_value&, const std::string& key) const;
  computed_column computed(const document_value&, const std::string& key) const;
  std::map<std::string, std::string> map(const option&, const document_value&,
                                         const std::string& key) const;
  std::filesystem::path path(const option&, const std::string& text, const std::string& where,
                             const std::string& key) const;

  std::filesystem::path directory_;
};

} // namespace leat
