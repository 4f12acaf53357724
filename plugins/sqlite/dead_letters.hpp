#pragma once

#include <map>
#include <optional>
#include <string>

#include "dataflow/dead_letter.hpp"
#include "dataflow/error.hpp"
#include "dataflow/letter_keys.hpp"
#include "plugins/sqlite/database.hpp"

namespace leat::sqlite {

/// A row is refused for what it holds, whatever other rows there are.
class row_error : public error {
 public:
  using error::error;
};

/// The table of rows that could not be written (R8), in the transaction of the others.
class dead_letters {
 public:
  /// Makes the table when a name is given and it is missing.
  dead_letters(database&, std::string pipeline, const std::optional<std::string>& table);

  /// Runs `act`, which writes one row; when it is refused, adds `letter()` instead. True: written.
  template <class Act, class Letter>
  bool guard(const Act& act, const Letter& letter) {
    try {
      act();
      return true;
    } catch (const row_error& refused) {
      // A constraint or trigger of somebody's may have rolled all of the epoch back.
      if (!insert_ || !db_.in_transaction()) throw;
      auto made = letter();
      made.reason = refused.what();
      add(made);
      return false;
    }
  }

  /// Within the open transaction. Needs a table.
  void add(const dead_letter&);

  /// Whether a row with this key may have been refused; `texts`: of the key's columns.
  bool may_hold(const std::string& target, std::vector<std::string_view> texts);

 private:
  letter_keys& keys_of(const std::string& target);

  database& db_;
  std::string pipeline_;
  std::string table_;                       ///< quoted; empty: none
  std::map<std::string, letter_keys> keys_; ///< of each target that was asked for
  statement insert_;
};

} // namespace leat::sqlite
