#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <vector>

namespace leat {

/// Rows of one table that a target lacks values of (R6): they are read from the source. Keys as
/// texts of the key columns, in key order.
struct missing_rows {
  bool whole = false; ///< there are too many to tell: the table is read again for the target
  std::vector<std::vector<std::string>> keys; ///< none with `whole`
  bool operator==(const missing_rows&) const = default;
};

/// What a key takes in memory, about.
std::size_t memory_of(const std::vector<std::string>& key);

/// The missing rows of one table at one sink.
class missing_queue {
 public:
  void add(missing_rows more);
  void push(std::vector<std::string> key);
  /// The first `most` keys, or all.
  std::vector<std::vector<std::string>> front(std::size_t most) const;
  void pop(std::size_t count);
  /// There is no room for the keys.
  void give_up();

  bool whole() const { return whole_; }
  bool has_keys() const { return !keys_.empty(); }
  std::size_t bytes() const { return bytes_; }
  missing_rows rows() const { return {whole_, {keys_.begin(), keys_.end()}}; }
  missing_rows take(); ///< rows(), and forgets them

 private:
  bool whole_ = false;
  std::deque<std::vector<std::string>> keys_;
  std::size_t bytes_ = 0;
};

/// Rows of several tables, whose keys take at most `most` bytes together: beyond that the table
/// with the longest list is missing as a whole.
class missing_gatherer {
 public:
  static constexpr std::size_t most_by_default = 16U << 20;

  explicit missing_gatherer(std::size_t most = most_by_default) : most_(most) {}

  /// `table`: a number that tells tables apart.
  void add(std::uint32_t table, std::vector<std::string> key);
  void add(std::uint32_t table, missing_rows rows);
  bool empty() const { return tables_.empty(); }
  /// Gives everything and forgets it.
  std::map<std::uint32_t, missing_rows> take();

 private:
  template <class Change>
  void change(std::uint32_t table, const Change&);

  std::size_t most_;
  std::size_t bytes_ = 0;
  std::map<std::uint32_t, missing_queue> tables_;
};

} // namespace leat
