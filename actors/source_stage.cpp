#include "actors/source_stage.hpp"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <mutex>
#include <thread>

#include "actors/caf.hpp"
#include "actors/wiring.hpp"

namespace leat {

namespace {

/// The stream thread's side of the source stage: frames go straight to the router; what the actor
/// is told is left here, with a wake-up.
class stream_port : public stream_output {
 public:
  stream_port(router_actor router, credit_window window, wal_lsn resume,
              std::shared_ptr<status_board> board, log_function log)
      : router_(std::move(router)), credit_(stream_channel, window), confirmable_(resume),
        board_(std::move(board)), log_(std::move(log)),
        wakeup_(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {
    if (wakeup_ < 0)
      throw error(error_kind::state, "no eventfd could be made", "source", "raise `ulimit -n`");
  }
  ~stream_port() override { ::close(wakeup_); }

  // Called by the stream's thread.
  bool has_credit() const override { return credit_.may_send(); }
  void emit(payload content) override {
    if (const auto* b = std::get_if<barrier>(&content)) {
      const std::scoped_lock lock(mutex_);
      last_cut_ = b->epoch;
      if (wanted_ && wanted_->epoch <= last_cut_) wanted_.reset();
    }
    caf::anon_send(router_, credit_.stamp(std::move(content)));
  }
  std::optional<barrier_request> wanted_barrier() const override {
    const std::scoped_lock lock(mutex_);
    return wanted_;
  }
  wal_lsn confirmable() const override { return confirmable_.load(std::memory_order_relaxed); }
  bool stopping() const override { return stopping_.load(std::memory_order_relaxed); }
  int wakeup_fd() const override { return wakeup_; }
  void drain_wakeups() override {
    std::uint64_t count = 0;
    while (::read(wakeup_, &count, sizeof count) > 0) {
    }
    const std::scoped_lock lock(mutex_);
    credit_.take(granted_);
  }
  void report(std::string message) override {
    if (message != reported_)
      log_(message.empty() ? log_level::info : log_level::warn,
           message.empty() ? "the stream goes on" : message + "; connecting again");
    reported_ = message;
    board_->update([&](pipeline_status& s) { s.message = std::move(message); });
  }

  // Called by the actor.
  const router_actor& router() const { return router_; }
  void take(const grant& g) {
    {
      const std::scoped_lock lock(mutex_);
      granted_ = g;
    }
    wake();
  }
  void want(barrier_request request) {
    {
      const std::scoped_lock lock(mutex_);
      if (request.epoch <= last_cut_) return;
      wanted_ = request;
    }
    wake();
  }
  void confirm(wal_lsn durable) {
    confirmable_ = durable;
    wake();
  }
  void stop() {
    stopping_ = true;
    wake();
  }

 private:
  void wake() {
    const std::uint64_t one = 1;
    // Fails only when the counter is full, and then the descriptor is readable anyway.
    [[maybe_unused]] const auto written = ::write(wakeup_, &one, sizeof one);
  }

  const router_actor router_;
  credit_sender credit_;
  std::atomic<wal_lsn> confirmable_;
  std::atomic<bool> stopping_{false};
  std::shared_ptr<status_board> board_;
  log_function log_;
  std::string reported_; ///< the trouble the stream is in
  int wakeup_;
  mutable std::mutex mutex_;
  grant granted_;
  std::optional<barrier_request> wanted_;
  epoch_id last_cut_ = 0;
};

class source_stage_impl : public stage<source_actor> {
 public:
  source_stage_impl(caf::actor_config& config, std::unique_ptr<change_stream> stream,
                    router_actor router, credit_window window, wal_lsn resume,
                    std::shared_ptr<status_board> board, log_function log)
      : stage(config), stream_(std::move(stream)),
        port_(std::make_unique<stream_port>(std::move(router), window, resume, std::move(board),
                                            std::move(log))) {}

  const char* name() const override { return "leat.source"; }

  behavior_type make_behavior() override {
    caf::anon_send(port_->router(), attach_source{caf::actor_cast<source_actor>(this)});
    thread_ = std::jthread([this, self = caf::actor_cast<source_actor>(this)] { run(self); });
    return {
        [this](const grant& g) { port_->take(g); },
        [this](const cut_barrier& m) {
          port_->want({m.epoch, m.force});
        },
        [this](const confirm_position& m) { port_->confirm(m.durable); },
        [this](const stream_ended& m) {
          if (m.failure) throw *m.failure;
          quit();
        },
    };
  }

 protected:
  void release() override {
    if (!port_) return;
    port_->stop();
    if (thread_.joinable()) thread_.join();
    stream_.reset();
    port_.reset();
  }

 private:
  void run(const source_actor& self) {
    try {
      stream_->run(*port_);
      caf::anon_send(self, stream_ended{});
    } catch (const error& e) {
      caf::anon_send(self, stream_ended{std::make_shared<const error>(e)});
    } catch (const std::exception& e) {
      caf::anon_send(self, stream_ended{std::make_shared<const error>(
                               error_kind::bug, e.what(), "the stream's thread", "report this")});
    }
  }

  std::unique_ptr<change_stream> stream_;
  std::unique_ptr<stream_port> port_;
  std::jthread thread_;
};

} // namespace

source_actor make_source_stage(caf::actor_system& system, std::unique_ptr<change_stream> stream,
                               router_actor router, credit_window window, wal_lsn resume,
                               std::shared_ptr<status_board> board, log_function log) {
  return system.spawn<source_stage_impl>(std::move(stream), std::move(router), window, resume,
                                         std::move(board), std::move(log));
}

} // namespace leat
