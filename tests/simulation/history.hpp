#pragma once

#include <memory>
#include <optional>
#include <set>
#include <string>

#include "tests/simulation/layout.hpp"
#include "tests/simulation/sim_pipeline.hpp"

namespace leat::sim {

/// One seed: a source that changes, a pipeline that reads it, whatever breaks, and at last a quiet
/// time in which everything has to arrive.
class history {
 public:
  struct trouble {
    bool failures = true; ///< calls that fail, stages and processes that die
    bool columns = false; ///< of all troubles, columns change and routes come and go the most
  };
  history(std::uint64_t seed, trouble, const std::filesystem::path& scratch);

  /// What went wrong; nothing when all is right.
  std::optional<std::string> run();

  /// To see that histories are not empty.
  struct counts {
    std::uint64_t transactions = 0, lives = 0, kills = 0, messages = 0, edits = 0, alterations = 0;
  };
  const counts& seen() const { return seen_; }
  const std::set<std::string>& failed_steps() const { return world_.failed_steps(); }

 private:
  void start();
  void before_a_life();
  void something_happens();
  void something_breaks();
  void kill();
  bool message();
  bool timer();
  void tear_down();
  void settle();
  bool arrived();
  std::string standing();
  std::optional<std::string> problem() const;

  model::random random_;
  trouble trouble_;
  world world_;
  test::sim_system system_;
  bool ddl_; ///< columns come and go
  layout layout_;
  sizes sizes_;
  std::uint32_t calm_;     ///< the higher, the less breaks
  std::uint32_t delivery_; ///< weights, differing by history
  std::uint32_t visibility_;
  std::unique_ptr<sim_pipeline> pipeline_; ///< before the system goes
  std::optional<std::string> complaint_;
  bool settling_ = false;
  counts seen_;
};

} // namespace leat::sim
