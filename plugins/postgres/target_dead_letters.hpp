#pragma once

#include <functional>
#include <optional>
#include <string>

#include <map>

#include "dataflow/dead_letter.hpp"
#include "dataflow/letter_keys.hpp"
#include "plugins/postgres/target_session.hpp"

namespace leat::postgres {

/// The table of rows that the target refuses for what they hold (R8), in the transaction of the
/// others.
class target_dead_letters {
 public:
  /// `table` stands in `schema`; without one nothing is kept.
  target_dead_letters(std::string pipeline, const std::string& schema,
                      const std::optional<std::string>& table);

  /// Makes the table when it is missing.
  void open(target_session&) const;

  bool kept() const { return !table_.empty(); }

  /// Whether the server has refused a row for what it holds, whatever other rows there are: a value
  /// out of its type's range, NOT NULL, CHECK, or an exception of a trigger.
  bool takes(const server_error&) const;

  /// Runs `send` for all of `count` items, which stand at `first`, and where the server refuses one
  /// of them, without it: `letter` says which that was.
  void write(target_session&, std::size_t first, std::size_t count,
             const std::function<void(std::size_t first, std::size_t count)>& send,
             const std::function<dead_letter(std::size_t)>& letter);

  /// Within the open transaction. Only where letters are kept.
  void add(target_session&, const dead_letter&);

  /// Keys of the target's letters, which the server is asked for once. Only where letters are kept.
  const letter_keys& keys_of(const std::string& target, target_session&);

 private:
  std::string pipeline_;
  std::string table_;                       ///< quoted; empty: none
  std::map<std::string, letter_keys> keys_; ///< of each target that was asked for
};

} // namespace leat::postgres
