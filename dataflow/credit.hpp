#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include "dataflow/frame.hpp"

namespace leat {

/// How much may be under way on one edge. A sender may overshoot by one batch, so that a batch
/// larger than the window cannot stop it: the bound is the window plus one batch (R9).
struct credit_window {
  std::uint64_t bytes = 4U << 20;
  std::uint64_t frames = 64;
};

/// Totals since the channel was opened: idempotent, and a later one stands for all before it.
struct grant {
  channel_id channel = 0;
  std::uint64_t bytes = 0;
  std::uint64_t frames = 0;
};

/// The sending end of a channel: numbers frames and counts what the receiver has taken. Signals
/// (cost 0) are numbered and need no credit. Not thread-safe.
class credit_sender {
 public:
  credit_sender(channel_id channel, credit_window window) : channel_(channel), window_(window) {}

  bool may_send() const noexcept {
    return sent_.bytes - granted_.bytes < window_.bytes
           && sent_.frames - granted_.frames < window_.frames;
  }
  /// Less than half of the window is under way; comes true again when all of it was taken.
  bool half_free() const noexcept {
    return sent_.bytes - granted_.bytes < window_.bytes / 2
           && sent_.frames - granted_.frames < (window_.frames + 1) / 2;
  }
  /// Stamps the next frame and spends its credit.
  frame stamp(payload content);
  void take(const grant& total) noexcept;
  channel_id channel() const noexcept { return channel_; }

 private:
  channel_id channel_;
  credit_window window_;
  std::uint64_t sequence_ = 0;
  grant sent_;
  grant granted_;
};

/// The receiving end: checks the numbering and says when to grant. Not thread-safe.
class credit_receiver {
 public:
  credit_receiver(channel_id channel, credit_window window) : window_(window) {
    consumed_.channel = channel;
  }

  /// Throws leat::error of kind bug when a frame is missing, doubled or of another channel.
  void accept(const frame& f);
  /// The frame was worked off. Gives the grant to send when half a window has been since the last.
  std::optional<grant> consume(const payload& content);

 private:
  credit_window window_;
  std::uint64_t sequence_ = 0;
  grant consumed_;
  grant announced_;
};

} // namespace leat
