#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "dataflow/sink.hpp"
#include "tests/simulation/world.hpp"

namespace leat::sim {

/// A transactional target in memory that insists on the contract of dataflow/sink.hpp: the order of
/// calls, the checkpoint before the commit, progress that only grows, and, when a commit calls
/// itself consistent, the source's rows at its position. May fail at any call.
class strict_sink : public sink {
 public:
  strict_sink(world& w, std::string name);
  ~strict_sink() override;

  std::optional<target_progress> open() override;
  bool gathers_epochs() const override { return true; }
  writer& attach(const route_ptr&) override;
  std::map<route_id, missing_rows> prepare() override;
  void commit(const target_progress& next) override;
  void forget() override {}
  std::string ddl(const route&) const override { return {}; }

 private:
  class strict_writer;
  enum class phase : std::uint8_t { fresh, open, prepared, broken };

  /// Runs `work` between two places where the target may fail; a sink that has thrown is used no
  /// more.
  template <class Work>
  void call(const char* before, const char* after, phase expected, Work work);
  void take_table(const route&);
  void check(const target_progress& next);
  void settle();

  world& world_;
  std::string name_;
  phase phase_ = phase::fresh;
  std::optional<target_progress> known_;                       ///< what was read or written last
  std::map<std::string, target_table> open_tables_;            ///< in the open transaction
  std::map<route_id, std::unique_ptr<strict_writer>> writers_; ///< anew with each attach()
  missing_gatherer missing_;
};

} // namespace leat::sim
