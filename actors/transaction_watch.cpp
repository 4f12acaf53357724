#include "actors/transaction_watch.hpp"

#include <algorithm>
#include <optional>

#include <fmt/format.h>

#include "actors/caf.hpp"
#include "dataflow/error.hpp"

namespace leat {

namespace {

constexpr std::size_t looks_between_logs = 60;

/// What waits: the start of a run, which may make a slot, or else snapshots, for this fence.
struct wait {
  std::optional<std::uint64_t> fence;
};

std::optional<wait> wait_of(const pipeline_status& s) {
  if (s.state == "starting") return wait{};
  std::uint64_t fence = 0;
  for (const auto& [id, t] : s.tables)
    if (t.phase == snapshot_phase::waiting) fence = std::max(fence, t.fence_xid);
  if (fence == 0) return std::nullopt;
  return wait{fence};
}

class transaction_watch_impl : public stage<transaction_watch_actor> {
 public:
  transaction_watch_impl(caf::actor_config& config, transaction_watch_setup setup)
      : stage(config), setup_(std::move(setup)) {}

  const char* name() const override { return "leat.transaction_watch"; }

  behavior_type make_behavior() override {
    post_after(setup_.interval, handle(), tick{});
    return {[this](const tick&) {
      look();
      post_after(setup_.interval, handle(), tick{});
    }};
  }

 protected:
  void release() override { origin_.reset(); }

 private:
  transaction_watch_actor handle() { return caf::actor_cast<transaction_watch_actor>(this); }

  void look() {
    std::optional<wait> waiting;
    setup_.board->update([&](const pipeline_status& s) { waiting = wait_of(s); });
    // What has just begun to wait mostly ends before it is of interest.
    const bool waited = std::exchange(waits_, waiting.has_value());
    if (!waiting) origin_.reset();
    tell(waiting, waiting && waited ? ask(*waiting) : std::vector<std::string>());
  }

  /// A source that does not answer is told of by who waits for it.
  std::vector<std::string> ask(const wait& w) {
    try {
      if (!origin_) origin_ = setup_.make_source();
      return origin_->open_transactions(w.fence);
    } catch (const error&) {
      origin_.reset();
      return {};
    }
  }

  void tell(const std::optional<wait>& w, std::vector<std::string> open) {
    const bool log = !open.empty() && looks_++ % looks_between_logs == 0;
    if (open.empty()) looks_ = 0;
    if (log)
      setup_.log(log_level::warn, fmt::format("{} for open transactions: {}",
                                              w->fence ? "snapshots wait" : "the slot waits",
                                              fmt::join(open, "; ")));
    if (open.empty() && told_.empty()) return;
    told_ = open;
    setup_.board->update([&](pipeline_status& s) { s.open_transactions = std::move(open); });
  }

  transaction_watch_setup setup_;
  std::shared_ptr<source> origin_;
  bool waits_ = false;
  std::size_t looks_ = 0; ///< that found some, one after the other
  std::vector<std::string> told_;
};

} // namespace

transaction_watch_actor make_transaction_watch(caf::actor_system& system,
                                               transaction_watch_setup setup) {
  return system.spawn<transaction_watch_impl, caf::detached>(std::move(setup));
}

} // namespace leat
