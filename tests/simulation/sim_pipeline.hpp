#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "actors/assembly.hpp"
#include "actors/status_board.hpp"
#include "tests/simulation/sim_stream.hpp"
#include "tests/support/sim_system.hpp"

namespace leat::sim {

/// The sizes that differ between histories.
struct sizes {
  credit_window source;
  credit_window sink;
  std::chrono::milliseconds interval{100};
  std::size_t buffer = 32U << 20; ///< as sink_setup::buffer_bytes, in changes
  std::size_t missing = missing_gatherer::most_by_default; ///< as sink_setup::missing_bytes
};

/// One life of the process: assembled from what is durable, by the engine's own assembly, out of
/// its own stages; then taken down as the supervisor does it.
class sim_pipeline {
 public:
  /// Throws what assembling throws.
  sim_pipeline(world&, model::random&, test::sim_system&, const pipeline_file&, const sizes&);

  sim_stream& stream() { return *stream_; }

  /// A stage has ended.
  bool ended() const { return state_->ended != 0; }
  bool all_ended() const { return state_->ended == stages_.size(); }
  /// Tells every stage to end.
  void end();
  /// Ends one, as a bug would.
  void kill_one(std::size_t which);
  void finish();
  void read_anew(oid table);

  pipeline_status status() const { return board_->read(); }
  /// What is wrong with how a stage ended.
  const std::optional<std::string>& complaint() const { return state_->complaint; }
  /// The bound of R9 on what is under way.
  bool within_credit() const;

 private:
  struct ends {
    std::size_t ended = 0;
    std::optional<std::string> complaint;
  };

  void watch(const caf::strong_actor_ptr&);
  void spawn(assembly, test::sim_system&);

  world& world_;
  model::random& random_;
  sizes sizes_;
  std::size_t sinks_ = 0;
  std::unique_ptr<sim_stream> stream_;
  std::vector<caf::strong_actor_ptr> stages_;
  coordinator_actor coordinator_;
  router_actor router_;
  std::shared_ptr<ends> state_ = std::make_shared<ends>();
  std::shared_ptr<status_board> board_ = std::make_shared<status_board>();
  cancel_list cancels_;
};

} // namespace leat::sim
