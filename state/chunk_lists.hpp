#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "state/checkpoint_codec.hpp"

namespace leat {

/// The chunk lists of one table's snapshot generation, so that a checkpoint can name its pending
/// chunks instead of holding their bounds. A list never changes; chunks that come of splits are in
/// a later one.
class chunk_lists {
 public:
  /// `prefix` + a digest names each list.
  explicit chunk_lists(std::string prefix) : prefix_(std::move(prefix)) {}

  /// Names the pending chunks; those that no list has yet make a new one.
  std::vector<chunk_reference> refer(const std::vector<chunk_bounds>& pending);
  /// What a list holds, encoded.
  const std::string& content(const std::string& list) const { return contents_.at(list); }

 private:
  using key_range = std::pair<std::vector<std::string>, std::vector<std::string>>;
  struct place {
    std::string list;
    std::uint64_t index = 0;
  };
  void add(const std::vector<chunk_bounds>&);

  std::string prefix_;
  std::map<std::string, std::string> contents_;
  std::map<key_range, place> places_;
};

/// The chunks that a reference names; `list` is the content of its list. Throws std::out_of_range
/// when there are fewer.
std::vector<chunk_bounds> chosen(const std::vector<chunk_bounds>& list, const chunk_reference&);

} // namespace leat
