#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "dataflow/fold.hpp"

namespace leat {

/// `"text"` with what JSON reserves escaped; bytes beyond ASCII stay as they are (UTF-8).
std::string json_string(std::string_view text);

/// A JSON object of texts and nulls, in the order of adding.
class row_json {
 public:
  void add(std::string_view name, std::optional<std::string_view> text);
  std::string text() const { return text_.empty() ? "{}" : text_ + "}"; }

 private:
  std::string text_;
};

/// A row that a target refused, as its dead-letter table keeps it.
struct dead_letter {
  std::string target;
  std::string key; ///< JSON object of the key's columns; empty: none
  std::string row; ///< JSON object of the columns that came, as PostgreSQL prints them
  std::string reason;
  std::optional<position> at; ///< of the change; none when the row is folded from several
};

/// The letter for an entry that has a row. The reason is still to be given.
dead_letter letter_of(const route&, const fold&, const fold_entry&);
/// The letter for a change in mode append.
dead_letter letter_of(const route&, const batch&, const change&);
/// The letter for a row that cannot be made into one of `target`: as it came, of columns `of`.
dead_letter letter_of(const std::string& target, const table_schema& of, const batch&,
                      const change&, std::string reason);

/// For an error that ends the pipeline at this change: `other` is what else may be mended.
std::string remedy_of_row(const change&, const std::string& other);

} // namespace leat
