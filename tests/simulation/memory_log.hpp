#pragma once

#include <deque>
#include <map>
#include <string>

#include "dataflow/key_value_store.hpp"
#include "tests/support/snapshot_model.hpp"

namespace leat::sim {

struct world;

/// What the database of transforms' state would hold. Outlives the simulated process; a power cut
/// may take the writes behind the last synced one.
class memory_log : public key_value_store {
 public:
  explicit memory_log(world& w) : world_(w) {}

  std::optional<std::string> get(std::string_view key) const override;
  void scan(std::string_view from, std::string_view to, bool descending,
            const std::function<bool(std::string_view, std::string_view)>& look) const override;
  void write(const key_value_write&, bool synced) override;

  void lose_tail(model::random&);

 private:
  using contents = std::map<std::string, std::string, std::less<>>;
  static void apply(contents&, const key_value_write&);

  world& world_;
  contents durable_;
  std::deque<key_value_write> unsynced_;
  contents all_; ///< both
};

} // namespace leat::sim
