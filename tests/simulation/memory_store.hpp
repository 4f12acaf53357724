#pragma once

#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "dataflow/restart_point.hpp"
#include "dataflow/state_store.hpp"
#include "tests/simulation/memory_log.hpp"

namespace leat::sim {

struct world;

/// What a state directory would hold. Outlives the simulated process.
class memory_store : public state_store {
 public:
  explicit memory_store(world& w) : world_(w), log_(std::make_shared<memory_log>(w)) {}

  std::optional<pipeline_identity> identity() const override { return identity_; }
  void set_identity(const pipeline_identity& i) override;
  std::vector<epoch_id> epochs() const override;
  std::optional<checkpoint> load(epoch_id) const override;
  void save(const checkpoint&) override;
  void add_missing(epoch_id, const missing_keys&) override;
  std::uint64_t ask_resnapshot(oid table) override;
  std::vector<resnapshot_request> resnapshots() const override { return requests_; }
  void forget_resnapshots(const std::vector<std::uint64_t>& numbers) override;
  void prune(epoch_id oldest) override;
  std::shared_ptr<key_value_store> operators(bool) override { return log_; }

  void lose_tail(model::random& r) { log_->lose_tail(r); }

  /// How often it has forgotten something.
  std::uint64_t prunes() const { return prunes_; }

 private:
  world& world_;
  std::shared_ptr<memory_log> log_;
  std::optional<pipeline_identity> identity_;
  std::map<epoch_id, checkpoint> checkpoints_;
  std::vector<std::pair<epoch_id, missing_keys>> missing_;
  std::vector<resnapshot_request> requests_;
  std::uint64_t last_request_ = 0;
  std::uint64_t prunes_ = 0;
};

} // namespace leat::sim
