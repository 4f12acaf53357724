#pragma once

#include <map>
#include <string>
#include <string_view>

#include "dataflow/dead_letter.hpp"
#include "dataflow/letter_keys.hpp"
#include "dataflow/starrocks_options.hpp"
#include "plugins/starrocks/load_piece.hpp"
#include "plugins/starrocks/mysql_client.hpp"

namespace leat::starrocks {

/// The table of rows that the target refuses for what they hold (R8), and those of the open epoch.
/// Its key is made of what a letter holds, so that one that comes again changes nothing.
class dead_letters {
 public:
  dead_letters(std::string pipeline, std::string table)
      : pipeline_(std::move(pipeline)), table_(std::move(table)) {}

  const std::string& table() const { return table_; }
  /// Makes the table when it is missing.
  void make(mysql_client&, const std::string& database, const starrocks_table_options&) const;

  /// All of a letter but its reason, as add() takes it.
  static std::string note(const dead_letter&);
  void add(std::string_view note, std::string_view reason);

  /// Of all letters of the target, committed or not. The server is asked for them once.
  const letter_keys& keys_of(const std::string& target, mysql_client&, const std::string& database);

  bool empty() const { return rows_.empty(); }
  std::size_t bytes() const { return rows_.size(); }
  /// The letters added so far, as a load.
  load_piece take();

 private:
  struct target_keys {
    letter_keys all;
    bool asked = false; ///< for those that are committed
  };
  void note_key(std::string_view note);

  std::string pipeline_;
  std::string table_;
  std::string rows_; ///< of the load's body, without its end
  std::map<std::string, target_keys> keys_;
};

} // namespace leat::starrocks
