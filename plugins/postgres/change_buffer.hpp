#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "dataflow/batch.hpp"

namespace leat::postgres {

/// Changes in stream order, kept with their batches until they are written.
class change_buffer {
 public:
  struct part {
    batch_ptr rows;
    std::vector<std::uint32_t> changes;
  };

  void add(const batch_ptr& rows, std::span<const std::uint32_t> changes) {
    if (changes.empty()) return;
    if (parts_.empty() || parts_.back().rows != rows) {
      parts_.push_back({rows, {}});
      bytes_ += rows->bytes();
    }
    auto& kept = parts_.back().changes;
    kept.insert(kept.end(), changes.begin(), changes.end());
  }

  bool empty() const { return parts_.empty(); }
  std::size_t bytes() const { return bytes_; }
  const std::vector<part>& parts() const { return parts_; }

  void clear() {
    parts_.clear();
    bytes_ = 0;
  }

 private:
  std::vector<part> parts_;
  std::size_t bytes_ = 0;
};

} // namespace leat::postgres
