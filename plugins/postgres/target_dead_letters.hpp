#pragma once

#include <functional>
#include <optional>
#include <string>

#include "dataflow/dead_letter.hpp"
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
             const std::function<dead_letter(std::size_t)>& letter) const;

  /// Within the open transaction. Only where letters are kept.
  void add(target_session&, const dead_letter&) const;

 private:
  std::string pipeline_;
  std::string table_; ///< quoted; empty: none
};

} // namespace leat::postgres
